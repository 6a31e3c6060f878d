package main

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/consul/api"
)

const (
	opTimeout = 40 * time.Second // beyond what a server that comes back keeps an agent waiting
	most      = 34               // keys of services; more are only put over each other
)

// An operation does one thing, chosen by rng alone, and says what. It says nothing when
// it is not possible now.
type operation struct {
	kind   string
	weight int
	do     func(w *world, ctx context.Context, rng *rand.Rand) (string, error)
}

// operations is everything that a run is made of.
func operations() []operation {
	return append([]operation{
		{"put", 22, (*world).putNew},
		{"change", 14, (*world).putChange},
		{"move", 3, (*world).move},
		{"delete", 9, (*world).deleteOne},
		{"bad", 6, (*world).putBad},
		{"bad-new", 3, (*world).putBadNew},
		{"mend", 5, (*world).mend},
		{"conflict", 4, (*world).conflict},
		{"other", 2, (*world).putOther},
		{"odd", 2, (*world).putOdd},
		{"mass-delete", 3, (*world).massDelete},
		{"undelete", 1, (*world).undelete},
		{"approve", 3, (*world).approveOp},
		{"foreign", 4, (*world).addForeign},
		{"foreign-gone", 2, (*world).removeForeign},
		{"take-id", 1, (*world).takeID},
		{"hand-remove", 2, (*world).handRemove},
		{"hand-edit", 2, (*world).handEdit},
		{"hand-check", 2, (*world).handCheck},
		{"maintenance", 3, (*world).toggleMaintenance},
		{"node-out", 1, (*world).toggleNode},
		{"catalog-remove", 2, (*world).catalogRemove},
	}, breaks()...)
}

// namespaces that names are in conflict across.
func namespaces() []string { return []string{"shop", "mail", "ops"} }

func pick[T any](rng *rand.Rand, all []T) T { return all[rng.IntN(len(all))] }

// sorted returns the entries that are so, in an order that does not depend on maps.
func (w *world) sorted(so func(*entry) bool) []*entry {
	var all []*entry
	for _, e := range w.m.entries {
		if so(e) {
			all = append(all, e)
		}
	}
	slices.SortFunc(all, func(a, b *entry) int { return cmp.Compare(a.key, b.key) })
	return all
}

// settled tells whether a good value is registered as it should be and the registrar,
// if it runs, has read it.
func (w *world) settled(e *entry) bool {
	if e.value.kind != good || !w.m.holder(e) {
		return false
	}
	r := e.reg()
	got := w.agent.services[r.id]
	if w.foreign[r.id] != nil || got == nil || !ours(got) || seen(got).String() != r.String() || w.agent.dirty[r.id] && w.broken("agent") {
		return false
	}
	if w.broken("registrar") {
		return true
	}
	for _, s := range w.run.status.Services {
		if s.ID == r.id && s.Port == r.port && slices.Equal(s.Tags, r.tags) {
			return !w.run.heard.IsZero()
		}
	}
	return false
}

// one draws a settled entry that may be changed by hand.
func (w *world) one(rng *rand.Rand) (*entry, bool) {
	all := w.sorted(w.settled)
	if len(all) == 0 {
		return nil, false
	}
	return pick(rng, all), true
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

func (w *world) put(ctx context.Context, ns, name string, v value) (string, error) {
	e := &entry{key: tree + ns + "/" + name, ns: ns, name: name, value: v}
	if old := w.m.entries[e.key]; old != nil {
		e.create = old.create
	} else {
		e.create = 1 << 62
	}
	trial := *e
	if !w.fits(func(m *model) { m.put(&trial, !w.broken("registrar")) }) {
		return "", errNotNow
	}
	if err := w.txn(ctx, e); err != nil {
		return "", err
	}
	text := fmt.Sprintf("%.40q", v.raw)
	if v.kind == good {
		text = e.reg().String()
	}
	return fmt.Sprintf("%s = %s %s", e.key, v.kind, text), nil
}

func (w *world) putNew(ctx context.Context, rng *rand.Rand) (string, error) {
	ns, name := pick(rng, namespaces()), fmt.Sprintf("s%02d", rng.IntN(24))
	key := tree + ns + "/" + name
	if w.m.entries[key] != nil || len(w.m.entries) >= most || w.isMass(key) {
		return "", errNotNow
	}
	return w.put(ctx, ns, name, goodValue(rng))
}

func (w *world) isMass(key string) bool {
	return slices.ContainsFunc(w.mass, func(e *entry) bool { return e.key == key })
}

func (w *world) putChange(ctx context.Context, rng *rand.Rand) (string, error) {
	all := w.sorted(func(e *entry) bool { return e.value.kind != bad })
	if len(all) == 0 {
		return "", errNotNow
	}
	e, v := pick(rng, all), goodValue(rng)
	v.portName = cmp.Or(e.value.portName, v.portName)
	return w.put(ctx, e.ns, e.name, v)
}

// move changes the name of the port, and with it the ID.
func (w *world) move(ctx context.Context, rng *rand.Rand) (string, error) {
	e, ok := w.one(rng)
	if !ok || w.maint[e.reg().id] {
		return "", errNotNow
	}
	v := goodValue(rng)
	v.portName = pick(rng, []string{"http", "web", ""})
	w.run.moved[e.reg().id] = true
	return w.put(ctx, e.ns, e.name, v)
}

func (w *world) deleteOne(ctx context.Context, rng *rand.Rand) (string, error) {
	all := w.sorted(func(*entry) bool { return true })
	if len(all) == 0 {
		return "", errNotNow
	}
	e := pick(rng, all)
	if !w.fits(func(m *model) { delete(m.entries, e.key) }) {
		return "", errNotNow
	}
	return e.key, w.txn(ctx, e)
}

func (w *world) putBad(ctx context.Context, rng *rand.Rand) (string, error) {
	all := w.sorted(func(e *entry) bool { return e.value.kind == bad || w.settled(e) })
	if len(all) == 0 {
		return "", errNotNow
	}
	e := pick(rng, all)
	return w.put(ctx, e.ns, e.name, badValue(rng, e.ns, e.name))
}

// putBadNew writes a key that was never good.
func (w *world) putBadNew(ctx context.Context, rng *rand.Rand) (string, error) {
	w.counter++
	name := fmt.Sprintf("%s%d", pick(rng, []string{"bad", "Bad_Name", "bad."}), w.counter)
	ns := pick(rng, namespaces())
	if len(w.sorted(func(e *entry) bool { return e.value.kind == bad })) > 8 {
		return "", errNotNow
	}
	return w.put(ctx, ns, name, badValue(rng, ns, name))
}

func (w *world) mend(ctx context.Context, rng *rand.Rand) (string, error) {
	all := w.sorted(func(e *entry) bool { return e.value.kind == bad && !strings.ContainsAny(e.name, "_.") })
	if len(all) == 0 {
		return "", errNotNow
	}
	e := pick(rng, all)
	return w.put(ctx, e.ns, e.name, goodValue(rng))
}

// conflict claims a name that another namespace has.
func (w *world) conflict(ctx context.Context, rng *rand.Rand) (string, error) {
	all := w.sorted(func(e *entry) bool { return strings.HasPrefix(e.name, "s") })
	if len(all) == 0 {
		return "", errNotNow
	}
	e, ns := pick(rng, all), pick(rng, namespaces())
	key := tree + ns + "/" + e.name
	if w.m.entries[key] != nil || w.isMass(key) {
		return "", errNotNow
	}
	return w.put(ctx, ns, e.name, goodValue(rng))
}

func (w *world) putOther(ctx context.Context, rng *rand.Rand) (string, error) {
	e, ok := w.one(rng)
	if !ok {
		return "", errNotNow
	}
	return w.put(ctx, e.ns, e.name, value{kind: other})
}

// putOdd writes and deletes keys that are nobody's.
func (w *world) putOdd(ctx context.Context, rng *rand.Rand) (string, error) {
	if w.broken("server") {
		return "", errNotNow
	}
	keys := []string{tree + "shop/", tree, tree + "alone", tree + "shop/s01/deep", "kubernetes/deployments-old/shop/s02", "kubernetes/specifications/shop/s03/latest"}
	key := pick(rng, keys)
	ctx, cancel := context.WithTimeout(ctx, opTimeout)
	defer cancel()
	if rng.IntN(2) == 0 {
		_, err := w.srv.KV().Delete(key, write(ctx))
		return "delete " + key, err
	}
	pair := &api.KVPair{Key: key}
	if !strings.HasSuffix(key, "/") {
		pair.Value = goodValue(rng).bytes("shop", "s01")
	}
	_, err := w.srv.KV().Put(pair, write(ctx))
	return "put " + key, err
}

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
