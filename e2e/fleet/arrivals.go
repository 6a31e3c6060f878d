package main

import (
	"context"
	"sync"
	"time"

	"github.com/k8s-registrar/k8s-registrar/e2e/measure"
)

// arrivals notes when versions of services come into the catalog, on whatever node.
type arrivals struct {
	mu     sync.Mutex
	awaits map[string]*awaited // by service name
}

// awaited is a version that all nodes should announce.
type awaited struct {
	tag   string
	begun time.Time
	nodes int
	times measure.Times // of those that do
	done  chan struct{} // closed when all do
}

// expect begins to note the arrivals of a version. What was expected of the same service
// before is forgotten.
func (a *arrivals) expect(s measure.Service, nodes int) *awaited {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.awaits == nil {
		a.awaits = map[string]*awaited{}
	}
	w := &awaited{tag: s.Tag(), begun: time.Now(), nodes: nodes, done: make(chan struct{})}
	a.awaits[s.Name] = w
	return w
}

// note is called by a node for each registration. One that is sent again is not counted
// twice only if it came after all others, which is enough: nobody sends again in between.
func (a *arrivals) note(name string, tags []string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	w := a.awaits[name]
	if w == nil || !tagged(tags, w.tag) || len(w.times) == w.nodes {
		return
	}
	w.times = append(w.times, time.Since(w.begun))
	if len(w.times) == w.nodes {
		close(w.done)
	}
}

// wait returns the times of all nodes that announced the version before the deadline.
func (a *arrivals) wait(ctx context.Context, w *awaited, within time.Duration) (times measure.Times, missing int) {
	timer := time.NewTimer(within)
	defer timer.Stop()
	select {
	case <-w.done:
	case <-timer.C:
	case <-ctx.Done():
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return append(measure.Times(nil), w.times...), w.nodes - len(w.times)
}
