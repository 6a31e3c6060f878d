package main

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/hashicorp/consul/api"
)

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
	w.moves(e)
	if err := w.txn(ctx, e); err != nil {
		return "", err
	}
	text := fmt.Sprintf("%.40q", v.raw)
	if v.kind == good {
		text = e.reg().String()
	}
	return fmt.Sprintf("%s = %s %s", e.key, v.kind, text), nil
}

// moves notes what goes because its key is announced under another ID: that counts
// against no budget.
func (w *world) moves(e *entry) {
	if e.value.kind != good {
		return
	}
	for id, s := range w.agent.services {
		if ours(s) && seen(s).key == e.key && id != e.reg().id {
			w.run.moved[id] = true
		}
	}
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
	all := w.sorted(func(e *entry) bool { return e.value.kind != bad && !e.ballast })
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
	all := w.sorted(func(e *entry) bool { return !e.ballast })
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
