package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/consul/api"
)

// massDelete takes away more at once than the budget allows.
func (w *world) massDelete(ctx context.Context, rng *rand.Rand) (string, error) {
	all := w.sorted(func(e *entry) bool { return w.settled(e) && !w.agent.dirty[e.reg().id] && w.alone(e) })
	if len(w.must) > 0 || len(all) <= budget {
		return "", errNotNow
	}
	rng.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	gone := all[:min(len(all), budget+1+rng.IntN(4))]
	if err := w.txn(ctx, gone...); err != nil {
		return "", err
	}
	var keys []string
	for _, e := range gone {
		id := e.reg().id
		w.must[id] = true
		delete(w.agent.dirty, id)
		delete(w.catalog.dirty, id)
		keys = append(keys, e.ns+"/"+e.name)
	}
	w.mass = gone
	return strings.Join(keys, " "), nil
}

// alone tells whether no other key claims the name.
func (w *world) alone(e *entry) bool {
	return len(w.sorted(func(rival *entry) bool { return rival.name == e.name })) == 1
}

// undelete brings back everything that waits.
func (w *world) undelete(ctx context.Context, _ *rand.Rand) (string, error) {
	if len(w.must) == 0 {
		return "", errNotNow
	}
	var back []*entry
	for _, e := range w.mass {
		if w.m.entries[e.key] == nil {
			again := *e
			back = append(back, &again)
		}
	}
	if err := w.txn(ctx, back...); err != nil {
		return "", err
	}
	w.release() // another key may have claimed a name meanwhile
	return fmt.Sprintf("%d keys", len(back)), nil
}

// release lets what waited go.
func (w *world) release() {
	for id := range w.must {
		w.soil(id)
	}
	w.must, w.mass = map[string]bool{}, nil
}

func (w *world) approveOp(ctx context.Context, _ *rand.Rand) (string, error) { return w.approve(ctx) }

// approve releases what waits, by the hash that the status shows.
func (w *world) approve(ctx context.Context) (string, error) {
	if w.broken("server") || w.broken("registrar") {
		return "", errNotNow
	}
	status, err := w.reg.Status(ctx)
	if err != nil || len(status.Waiting) == 0 {
		return "", errNotNow
	}
	waiting := status.Waiting[0]
	if want := hash(waiting.Keys); waiting.Hash != want {
		return "", fmt.Errorf("the hash of %v is %s, want %s", waiting.Keys, waiting.Hash, want)
	}
	expires := time.Now().Add(time.Minute).Truncate(time.Second)
	value := fmt.Sprintf(`{"by": "chaos", "expires": %q}`, expires.UTC().Format(time.RFC3339))
	key := "kubernetes/registrar/approvals/" + waiting.Hash
	if len(waiting.Keys)%2 == 0 { // for this node alone

		key += "/" + w.node.Name()
	}
	if _, err := w.srv.KV().Put(&api.KVPair{Key: key, Value: []byte(value)}, write(ctx)); err != nil {
		return "", fmt.Errorf("write approval: %w", err)
	}
	w.approvals[waiting.Hash] = expires
	for _, k := range waiting.Keys {
		w.released[k] = expires
	}
	if len(w.mass) > 0 && slices.Contains(waiting.Keys, w.mass[0].key) {
		w.release()
	}
	return fmt.Sprintf("%s, %d keys", waiting.Hash, len(waiting.Keys)), nil
}
