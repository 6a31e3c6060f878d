package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/k8s-registrar/k8s-registrar/e2e/rig"
)

// inherit lets a name go to a key that has changed since the registrar last heard of its
// part of the tree. The key never had the name as it was before, so it must not be
// announced like that.
func (w *world) inherit(ctx context.Context, rng *rand.Rand) (string, error) {
	heirs := w.sorted(func(e *entry) bool { return e.ns == lateNamespace && e.value.kind == good && w.testator(e) != nil })
	if len(heirs) == 0 || w.broken("proxy") || w.broken("server") {
		return "", errNotNow
	}
	heir := pick(rng, heirs)
	older := w.testator(heir)
	if !w.fits(func(m *model) { delete(m.entries, older.key) }) {
		return "", errNotNow
	}
	w.proxy.Set(rig.Fault{Kind: rig.FaultDelay, Delay: time.Minute, Match: func(r *http.Request) bool {
		return r.URL.Path == onePart && r.URL.Query().Has("keys")
	}})
	undo := func(context.Context) error { w.proxy.Set(rig.Fault{}); return nil }
	text := w.fault(&fault{what: "proxy", undo: undo}, rng, 5*time.Second)
	for range 2 { // the bell that waits already rings once more
		v := goodValue(rng)
		v.portName = cmp.Or(heir.value.portName, v.portName)
		if _, err := w.put(ctx, heir.ns, heir.name, v); err != nil && !errors.Is(err, errNotNow) {
			return "", err
		}
		rig.Sleep(ctx, 300*time.Millisecond)
	}
	return fmt.Sprintf("%s from %s, %s = %s", heir.key, older.key, text, w.m.entries[heir.key].reg()), w.txn(ctx, older)
}

// testator returns the key that holds the name that a younger key waits for; nil if there
// is none that can be deleted.
func (w *world) testator(heir *entry) *entry {
	for _, e := range w.m.entries {
		if e != heir && e.name == heir.name && e.ns != heir.ns && e.value.kind == good && w.m.holder(e) {
			return e
		}
	}
	return nil
}
