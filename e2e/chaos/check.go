package main

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/k8s-registrar/k8s-registrar/agent"
	"github.com/k8s-registrar/k8s-registrar/e2e/rig"
)

const (
	lookPause   = 100 * time.Millisecond
	lookTimeout = 5 * time.Second
	// repairTime is how long anything may stay wrong while nothing is broken: a step that
	// failed waits up to 45 s, a watch that was denied up to 45 s.
	repairTime = 75 * time.Second
	// antiEntropy is after how long Consul's agent has compared itself with the servers: a
	// minute, and by chance up to one more.
	antiEntropy = 130 * time.Second
	// unhealthy is how long the registrar may fail to say that it is healthy, on a
	// machine that is busy with other things.
	unhealthy = 15 * time.Second
)

// watch looks at everything until the context ends.
func (w *world) watch(ctx context.Context) *sync.WaitGroup {
	var all sync.WaitGroup
	for _, look := range []func(context.Context){w.lookAgent, w.lookCatalog, w.lookRegistrar} {
		all.Go(func() {
			for rig.Sleep(ctx, lookPause) {
				timed, cancel := context.WithTimeout(ctx, lookTimeout)
				look(timed)
				cancel()
			}
		})
	}
	return &all
}

// begin returns the version that a look is of.
func (w *world) begin() (version int, at time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.version, time.Now()
}

// saw judges what one side holds, unless the world has changed since the look began.
func (w *world) saw(s *side, version int, at time.Time, services map[string]*api.AgentService, checks map[string]*api.HealthCheck) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.version != version || w.failed != nil {
		return
	}
	w.stats.looks++
	before := s.services
	s.services, s.checks, s.at = services, checks, at
	w.judgeStrangers(s)
	w.judgeRemaining(s, before)
	w.judgeLate(s)
	if s == w.agent {
		w.judgeForeign()
		w.judgeMaintenance()
		for key := range w.adopt {
			w.m.adopt(key, services)
			delete(w.adopt, key)
		}
	}
}

// protected returns the IDs that may not disappear.
func (w *world) protected() map[string]bool {
	all := w.m.keep()
	for id := range w.m.want() {
		all[id] = true
	}
	for id := range w.must {
		all[id] = true
	}
	for id := range w.foreign {
		delete(all, id)
	}
	return all
}

// judgeRemaining fails if something went that was there and had to stay.
func (w *world) judgeRemaining(s *side, before map[string]*api.AgentService) {
	for id := range w.protected() {
		if before[id] != nil && ours(before[id]) && s.services[id] == nil && !s.dirty[id] {
			w.fail("%s: %s disappeared, which had to stay (want %v, keep %v, held %v)", s.name, id, w.m.want()[id], w.m.keep()[id], w.must[id])
		}
	}
}

// judgeStrangers fails if something of ours is there that nobody ever asked for.
func (w *world) judgeStrangers(s *side) {
	for id, service := range s.services {
		if ours(service) && !w.asked[id][seen(service).String()] {
			w.fail("%s: %s was never asked for: %s", s.name, id, seen(service))
		}
		if s == w.agent && !ours(service) && w.foreign[id] == nil {
			w.fail("%s: nobody registered %s: %s %v", s.name, id, seen(service), service.Meta)
		}
	}
}

// judgeForeign fails if a service of somebody else is not as it was left.
func (w *world) judgeForeign() {
	for id, want := range w.foreign {
		got := w.agent.services[id]
		if got == nil {
			w.fail("agent: the foreign service %s is gone", id)
			continue
		}
		if text, wanted := foreignText(got.Service, got.Port, got.Tags, got.Meta), foreignText(want.Name, want.Port, want.Tags, want.Meta); text != wanted {
			w.fail("agent: the foreign service %s is %s, was left as %s", id, text, wanted)
		}
		if w.agent.checks[want.Check.CheckID] == nil {
			w.fail("agent: the check of the foreign service %s is gone", id)
		}
	}
}

func foreignText(name string, port int, tags []string, meta map[string]string) string {
	return fmt.Sprintf("%s port %d tags %q meta %v", name, port, tags, meta)
}

// judgeMaintenance fails if somebody else than the harness set or cleared it.
func (w *world) judgeMaintenance() {
	if (w.agent.checks["_node_maintenance"] != nil) != w.nodeOut {
		w.fail("agent: maintenance of the node is %v, was left as %v", !w.nodeOut, w.nodeOut)
	}
	for id := range w.maint {
		if _, there := w.agent.services[id]; !there {
			delete(w.maint, id) // it went with its service; whether that was right, others judge
		}
	}
	for id := range w.agent.services {
		if on := w.agent.checks["_service_maintenance:"+id] != nil; on != w.maint[id] && !w.agent.dirty[id] {
			w.fail("agent: maintenance of %s is %v, was left as %v", id, on, w.maint[id])
		}
	}
}

// judgeLate fails if something stays wrong for long while nothing is broken.
func (w *world) judgeLate(s *side) {
	now := time.Now()
	want := w.m.want()
	for id := range s.late {
		if _, wanted := want[id]; !wanted {
			delete(s.late, id)
		}
	}
	for id, r := range want {
		got := s.services[id]
		if len(w.faults) > 0 || w.foreign[id] != nil || got != nil && seen(got).String() == r.String() {
			delete(s.late, id)
			continue
		}
		limit := repairTime
		if w.leftToAgent(s, id) {
			limit = antiEntropy
		}
		since, late := s.late[id]
		if !late {
			s.late[id] = now
		} else if now.Sub(since) > w.patiently(limit) {
			w.fail("%s: %s is not as it should be for %s though nothing is broken: want %v, got %v", s.name, id, now.Sub(since).Round(time.Second), r, got)
		}
	}
}

// leftToAgent tells whether a service is missing in the catalog that is in maintenance mode.
// That is Consul's own to mend: what we send again would come back without its mode.
func (w *world) leftToAgent(s *side, id string) bool {
	nodeOut := w.nodeOut && w.catalog.checks["_node_maintenance"] == nil
	return s == w.catalog && s.services[id] == nil && (w.maint[id] || nodeOut)
}

// lookRegistrar asks the registrar how it is.
func (w *world) lookRegistrar(ctx context.Context) {
	w.mu.Lock()
	number, from := w.run.number, time.Now()
	w.mu.Unlock()
	code, _, err := w.reg.Get(ctx, "/-/healthy")
	healthy := err == nil && code == http.StatusOK
	status, statusErr := w.reg.Status(ctx)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.run.number != number || w.broken("registrar") || w.failed != nil {
		return
	}
	if !w.reg.Running() {
		w.fail("the registrar ended by itself")
		return
	}
	if healthy {
		w.run.healthy = time.Now()
	}
	if time.Since(w.run.healthy) > w.patiently(unhealthy) {
		w.fail("the registrar is not healthy: code %d, error %v", code, err)
	}
	if statusErr == nil {
		w.run.status, w.run.heard = status, from
		w.judgeStatus(status)
	}
}

// judgeStatus fails if the registrar believes that the servers lost their memory: no
// operation here makes them.
func (w *world) judgeStatus(status agent.Status) {
	for _, waiting := range status.Waiting {
		if waiting.Withheld {
			w.fail("the registrar withholds removals: %s: %v", waiting.Why, waiting.Keys)
		}
	}
	_, most := w.spent()
	w.run.follow(status.Waiting, most)
}

// judgeLog fails if a token is in the log, or more was removed than the budget allows.
func (w *world) judgeLog() {
	text := w.reg.Output()
	for _, secret := range append(slices.Clone(w.token.secrets), w.cluster.ManagementToken()) {
		if strings.Contains(text, secret) {
			w.fail("the registrar's log holds a token")
		}
	}
	if strings.Contains(text, "panic:") || strings.Contains(text, "DATA RACE") {
		w.fail("the registrar's log holds a panic or a race")
	}
	if least, _ := w.spent(); least > budget {
		w.fail("%d services were removed within %s without approval, the budget is %d", least, guardWindow, budget)
	}
}
