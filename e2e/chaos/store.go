package main

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"time"

	"github.com/hashicorp/consul/api"
)

// ballast is how many services stay as they are. With so many the registrar watches the
// tree in parts, of which any may tell later than another.
const ballast = 36

// plant writes them, in all namespaces.
func (w *world) plant(ctx context.Context) error {
	rng := rand.New(rand.NewPCG(w.options.seed, 1<<63))
	var all []*entry
	for i := range ballast {
		ns, name := namespaces()[i%len(namespaces())], fmt.Sprintf("b%02d", i)
		all = append(all, &entry{key: tree + ns + "/" + name, ns: ns, name: name, ballast: true, value: goodValue(rng)})
	}
	return w.txn(ctx, all...)
}

// txn writes the tree, again and again until the answer is known, and takes over the
// entries: a nil value deletes.
func (w *world) txn(ctx context.Context, entries ...*entry) error {
	if w.broken("server") {
		return errNotNow
	}
	var ops api.TxnOps
	for _, e := range entries {
		op := &api.KVTxnOp{Verb: api.KVSet, Key: e.key, Value: e.value.bytes(e.ns, e.name)}
		if w.m.entries[e.key] == e {
			op = &api.KVTxnOp{Verb: api.KVDelete, Key: e.key}
		}
		ops = append(ops, &api.TxnOp{KV: op})
	}
	ctx, cancel := context.WithTimeout(ctx, opTimeout)
	defer cancel()
	for {
		ok, answer, _, err := w.srv.Txn().Txn(ops, query(ctx))
		if err == nil && ok {
			w.take(entries, answer)
			return nil
		}
		if ctx.Err() != nil {
			return fmt.Errorf("write tree: %w", cmp.Or(err, ctx.Err()))
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// take puts what was written into the model.
func (w *world) take(entries []*entry, answer *api.TxnResponse) {
	before := w.protected()
	created := map[string]uint64{}
	for _, result := range answer.Results {
		created[result.KV.Key] = result.KV.CreateIndex
	}
	for _, e := range entries {
		if w.m.entries[e.key] == e {
			delete(w.m.entries, e.key)
			delete(w.m.kept, e.key)
			continue
		}
		e.create = created[e.key]
		w.m.put(e, !w.broken("registrar"))
	}
	after := w.protected()
	for id := range before {
		if !after[id] {
			w.soil(id)
		}
	}
	w.ask()
}

// forgo forgets what was asked for once and is not any more: after a quiet point nothing
// may go back to what it was before.
func (w *world) forgo() {
	for id := range w.asked {
		w.asked[id] = map[string]bool{}
	}
	for _, s := range []*side{w.agent, w.catalog} {
		for id, service := range s.services {
			if ours(service) {
				w.allow(id, seen(service))
			}
		}
	}
	w.ask()
}

// ask remembers what is asked for now.
func (w *world) ask() {
	for id, r := range w.m.want() {
		w.allow(id, r)
	}
}

func (w *world) allow(id string, r reg) {
	if w.asked[id] == nil {
		w.asked[id] = map[string]bool{}
	}
	w.asked[id][r.String()] = true
}

// soil lets an ID come and go until the next quiet point.
func (w *world) soil(id string) { w.agent.dirty[id], w.catalog.dirty[id] = true, true }

// fits tells whether the removals that would follow stay within the budget.
func (w *world) fits(change func(*model)) bool {
	if len(w.must) > 0 {
		return true // everything waits, and this with it
	}
	trial := &model{entries: maps.Clone(w.m.entries), kept: maps.Clone(w.m.kept)}
	change(trial)
	_, spent := w.spent()
	return spent+len(trial.surplus(w.agent.services)) <= budget
}
