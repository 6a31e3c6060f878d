package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/k8s-registrar/k8s-registrar/e2e/rig"
)

// onePart is where the registrar asks for lateNamespace, which is a part of the tree by
// itself, see plant.
const (
	lateNamespace = "mail"
	onePart       = "/v1/kv/" + tree + "m"
)

// A fault is something that is broken for a while.
type fault struct {
	what  string // "server", "agent", "registrar", "proxy", "acl" or "token"
	until time.Time
	undo  func(context.Context) error
	side  *side     // what must have been seen again after undo; nil for nothing
	since time.Time // when undo was done
}

// broken tells whether something is broken or has not been seen to work again.
func (w *world) broken(what string) bool {
	return slices.ContainsFunc(w.faults, func(f *fault) bool { return f.what == what })
}

// breaks are the operations that break things.
func breaks() []operation {
	return []operation{
		{"kill-registrar", 3, (*world).killRegistrar},
		{"term-registrar", 2, (*world).termRegistrar},
		{"kill-agent", 2, (*world).killAgent},
		{"wipe-agent", 1, (*world).wipeAgent},
		{"kill-server", 1, (*world).killServer},
		{"stop-server", 1, (*world).stopServer},
		{"proxy", 6, (*world).spoil},
		{"cut", 2, (*world).cut},
		{"acl", 2, (*world).takeACL},
		{"rotate", 1, (*world).rotate},
	}
}

// begin makes a fault last.
func (w *world) fault(f *fault, rng *rand.Rand, longest time.Duration) string {
	lasts := 200*time.Millisecond + time.Duration(rng.Int64N(int64(longest)))
	f.until = time.Now().Add(lasts)
	w.faults = append(w.faults, f)
	return fmt.Sprintf("for %s", lasts.Round(time.Millisecond))
}

// heal ends the faults whose time is up, or all of them.
func (w *world) heal(ctx context.Context, all bool) error {
	var errs []error
	serverBroken := w.broken("server")
	w.faults = slices.DeleteFunc(w.faults, func(f *fault) bool {
		if serverBroken && (f.what == "acl" || f.what == "token") {
			return false
		}
		if f.since.IsZero() && (all || time.Now().After(f.until)) {
			w.version++
			w.j.note("healed: %s", f.what)
			errs = append(errs, f.undo(ctx))
			f.since = time.Now()
		}
		return !f.since.IsZero() && (f.side == nil || f.side.at.After(f.since))
	})
	return errors.Join(errs...)
}

func (w *world) killRegistrar(_ context.Context, rng *rand.Rand) (string, error) {
	if w.broken("registrar") {
		return "", errNotNow
	}
	return w.registrarGone(rng), w.reg.Kill()
}

func (w *world) termRegistrar(ctx context.Context, rng *rand.Rand) (string, error) {
	if w.broken("registrar") {
		return "", errNotNow
	}
	ctx, cancel := context.WithTimeout(ctx, w.patiently(15*time.Second))
	defer cancel()
	young := time.Since(w.run.begun) < time.Second // it may not listen to signals yet
	text := w.registrarGone(rng)
	took, code, err := w.reg.Term(ctx)
	if err == nil && (took > w.patiently(5*time.Second) || code != 0 && !young) {
		err = fmt.Errorf("the registrar took %s to end, with exit code %d", took, code)
	}
	return text, err
}

// registrarGone takes into the model that the registrar forgets.
func (w *world) registrarGone(rng *rand.Rand) string {
	w.judgeLog()
	for key, e := range w.m.entries {
		if e.value.kind == bad && e.memory != nil {
			w.adopt[key] = true // once it is gone nobody changes it
		}
	}
	w.m.forget(w.agent.services)
	return w.fault(&fault{what: "registrar", undo: func(context.Context) error { return w.launch() }}, rng, 3*time.Second)
}

func (w *world) killAgent(_ context.Context, rng *rand.Rand) (string, error) {
	if w.broken("agent") {
		return "", errNotNow
	}
	text := w.fault(&fault{what: "agent", side: w.agent, undo: func(context.Context) error { return w.node.Launch() }}, rng, 3*time.Second)
	return text, w.node.Kill()
}

// wipeAgent kills the agent and removes its data. Whatever was registered is gone by
// our hand.
func (w *world) wipeAgent(ctx context.Context, rng *rand.Rand) (string, error) {
	if time.Since(w.wiped) < repairWindow {
		return "", errNotNow
	}
	text, err := w.killAgent(ctx, rng)
	if err != nil {
		return "", err
	}
	w.wiped = time.Now()
	for id := range w.asked {
		w.soil(id)
	}
	for key := range w.m.kept {
		w.m.kept[key] = map[string]bool{}
	}
	clear(w.foreign)
	clear(w.maint)
	w.release()
	w.nodeOut = false
	return text, w.node.Wipe()
}

func (w *world) killServer(_ context.Context, rng *rand.Rand) (string, error) {
	if w.broken("server") {
		return "", errNotNow
	}
	text := w.fault(&fault{what: "server", side: w.catalog, undo: func(context.Context) error { return w.server.Launch() }}, rng, 4*time.Second)
	for id := range w.asked {
		w.catalog.dirty[id] = true // a new leader forgets nodes that have not yet gossiped with it
	}
	return text, w.server.Kill()
}

func (w *world) stopServer(_ context.Context, rng *rand.Rand) (string, error) {
	if w.broken("server") {
		return "", errNotNow
	}
	text := w.fault(&fault{what: "server", side: w.catalog, undo: func(context.Context) error { return w.server.Continue() }}, rng, 4*time.Second)
	return text, w.server.Pause()
}

// spoil makes the agent answer the registrar badly.
func (w *world) spoil(_ context.Context, rng *rand.Rand) (string, error) {
	type choice struct {
		name string
		http rig.Fault
		wire rig.WireFault
	}
	c := pick(rng, []choice{
		{"500", rig.Fault{Kind: rig.FaultStatus, Code: 500}, rig.WireFault{}},
		{"429", rig.Fault{Kind: rig.FaultStatus, Code: 429}, rig.WireFault{}},
		{"404", rig.Fault{Kind: rig.FaultStatus, Code: 404}, rig.WireFault{}},
		{"403", rig.Fault{Kind: rig.FaultStatus, Code: 403}, rig.WireFault{}},
		{"garbled", rig.Fault{Kind: rig.FaultGarble}, rig.WireFault{}},
		{"empty", rig.Fault{Kind: rig.FaultEmpty}, rig.WireFault{}},
		{"cut answers", rig.Fault{Kind: rig.FaultCut}, rig.WireFault{}},
		{"hang", rig.Fault{Kind: rig.FaultHang}, rig.WireFault{}},
		{"late", rig.Fault{Kind: rig.FaultDelay, Delay: time.Second}, rig.WireFault{}},
		{"refuse", rig.Fault{}, rig.WireFault{Refuse: true}},
		{"reset", rig.Fault{}, rig.WireFault{Reset: true}},
		{"stall", rig.Fault{}, rig.WireFault{Stall: true}},
		{"slow", rig.Fault{}, rig.WireFault{Rate: 2000, Latency: 20 * time.Millisecond}},
	})
	paths := pick(rng, [][]string{{"/"}, {"/"}, {"/v1/kv/"}, {"/v1/agent/"}, {"/v1/catalog/", "/v1/health/"}, {"/v1/status/"}, {"/v1/agent/service/"}, {onePart}, {onePart}})
	if w.broken("proxy") {
		return "", errNotNow
	}
	c.http.Match = rig.OnPath(paths...)
	w.proxy.Set(c.http)
	if err := w.proxy.SetWire(c.wire); err != nil {
		return "", err
	}
	undo := func(context.Context) error {
		w.proxy.Set(rig.Fault{})
		return w.proxy.SetWire(rig.WireFault{})
	}
	return c.name + " on " + strings.Join(paths, " ") + " " + w.fault(&fault{what: "proxy", undo: undo}, rng, 5*time.Second), nil
}

// cut ends the registrar's connections; new ones are fine.
func (w *world) cut(context.Context, *rand.Rand) (string, error) {
	w.proxy.Cut()
	return "all connections", nil
}
