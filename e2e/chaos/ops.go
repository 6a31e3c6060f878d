package main

import (
	"cmp"
	"context"
	"math/rand/v2"
	"slices"
	"time"
)

const (
	opTimeout = 40 * time.Second // beyond what a server that comes back keeps an agent waiting
	most      = 34 + ballast     // keys of services; more are only put over each other
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
		{"inherit", 4, (*world).inherit},
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
	if e.value.kind != good || e.ballast || !w.m.holder(e) {
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
