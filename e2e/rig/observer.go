package rig

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/consul/api"
)

// An Observer follows what the servers tell everybody about one node, and adds up for
// how long a service was missing that had to be there. It asks the servers in turn and
// reads stale, so that it sees as much of the catalog as anybody can; for the time in
// which nobody can, nothing is counted as lost or as kept.
type Observer struct {
	servers  []*api.Client
	node     string
	instance string
	cancel   context.CancelFunc
	done     sync.WaitGroup

	mu       sync.Mutex
	expected map[string]Service // Name "" if only the ID matters; nil before the first Expect
	allowed  map[string]bool
	excuse   string    // why a loss is not ours now
	until    time.Time // when the excuse ends; zero for never
	seen     sight     // as of the last look that succeeded
	at       time.Time // until when was counted
	report   Report
}

// A sight is the catalog at one instant.
type sight struct {
	known    bool
	services map[string]*api.AgentService
	status   map[string]string // worst status of a service's own checks
	serf     string            // status of the node's serfHealth, or absentSerf
}

const absentSerf = "absent"

// Observe starts to follow a node in the catalog of these servers. Nothing is expected
// until [Observer.Expect] or [Observer.ExpectServices].
func Observe(ctx context.Context, servers []*api.Client, node, instance string) *Observer {
	ctx, cancel := context.WithCancel(ctx)
	o := &Observer{servers: servers, node: node, instance: instance, cancel: cancel, at: time.Now(), report: newReport()}
	o.done.Go(func() { o.run(ctx) })
	return o
}

// Expect says which services must be announced from now on, by ID, and no others.
func (o *Observer) Expect(ids ...string) {
	expected := map[string]Service{}
	for _, id := range ids {
		expected[id] = Service{}
	}
	o.expect(expected)
}

// ExpectServices says the same, and which port and tags they must have.
func (o *Observer) ExpectServices(services ...Service) {
	expected := map[string]Service{}
	for _, s := range services {
		expected[s.ID(o.instance)] = s
	}
	o.expect(expected)
}

func (o *Observer) expect(expected map[string]Service) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.count(time.Now(), o.seen.known)
	o.expected = expected
}

// Allow says which services are in transition from now on: whatever the catalog has of
// them is right. It replaces what was allowed before.
func (o *Observer) Allow(ids ...string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.count(time.Now(), o.seen.known)
	o.allowed = map[string]bool{}
	for _, id := range ids {
		o.allowed[id] = true
	}
}

// Excuse books what is lost from now on under a reason of its own, for so long, or until
// the next Excuse if that is 0. An empty reason ends it.
func (o *Observer) Excuse(reason string, within time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	now := time.Now()
	o.count(now, o.seen.known)
	o.excuse, o.until = reason, time.Time{}
	if within > 0 {
		o.until = now.Add(within)
	}
}

// Reset forgets what was counted, not what is expected.
func (o *Observer) Reset() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.count(time.Now(), o.seen.known)
	o.report = newReport()
}

// Report returns what was counted so far.
func (o *Observer) Report() Report {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.count(time.Now(), o.seen.known)
	return o.report.clone()
}

// Present returns the services of ours that the catalog had at the last look, and
// whether it could be read then.
func (o *Observer) Present() (services map[string]*api.AgentService, known bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	services = map[string]*api.AgentService{}
	for id, s := range o.seen.services {
		if o.ours(id) {
			services[id] = s
		}
	}
	return services, o.seen.known
}

// Whole returns no error if the catalog has just what is expected, allowed ones aside.
func (o *Observer) Whole() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.whole()
}

// Healthy returns no error if that is so and all expected services are passing.
func (o *Observer) Healthy() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if err := o.whole(); err != nil {
		return err
	}
	for id := range o.expected {
		if !o.healthy(id) && !o.allowed[id] {
			return fmt.Errorf("%s is %q, its node %q", id, o.seen.status[id], o.seen.serf)
		}
	}
	return nil
}

func (o *Observer) whole() error {
	if !o.seen.known {
		return errors.New("the catalog cannot be read")
	}
	for _, id := range slices.Sorted(maps.Keys(o.expected)) {
		if what := o.wrong(id); what != "" && !o.allowed[id] {
			return fmt.Errorf("%s: %s", id, what)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(o.seen.services)) {
		if o.extra(id) {
			return fmt.Errorf("%s is there and should not be", id)
		}
	}
	return nil
}

// Stop ends the watch.
func (o *Observer) Stop() {
	o.cancel()
	o.done.Wait()
}

const absent = "it is not there"

// wrong says in what an expected service is not as it should be, "" if in nothing.
func (o *Observer) wrong(id string) string {
	found, want := o.seen.services[id], o.expected[id]
	switch {
	case found == nil:
		return absent
	case want.Name == "":
		return ""
	case found.Port != want.Port:
		return fmt.Sprintf("it has port %d, want %d", found.Port, want.Port)
	case !slices.Equal(found.Tags, want.Tags):
		return fmt.Sprintf("it has tags %q, want %q", found.Tags, want.Tags)
	}
	return ""
}

func (o *Observer) extra(id string) bool {
	_, expected := o.expected[id]
	return o.expected != nil && !expected && o.ours(id) && !o.allowed[id]
}

// healthy tells whether a load balancer finds a service. A node that gossip does not know
// yet has no serfHealth, which hides nothing.
func (o *Observer) healthy(id string) bool {
	return (o.seen.serf == api.HealthPassing || o.seen.serf == absentSerf) && o.seen.status[id] == api.HealthPassing
}

func (o *Observer) ours(id string) bool {
	return strings.HasPrefix(id, "k8s-registrar-"+o.instance+".")
}
