package agent

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/common/version"

	"github.com/k8s-registrar/k8s-registrar/register"
)

// Status is what the agent tells about itself, as JSON at /status.
type Status struct {
	Version  string `json:"version"`
	Instance string `json:"instance"`
	Node     string `json:"node,omitempty"`
	Address  string `json:"address,omitempty"`
	// Ready is false as long as there is a reason in NotReady.
	Ready    bool     `json:"ready"`
	NotReady []string `json:"not_ready,omitempty"`

	Watch     WatchStatus     `json:"watch"`
	Reconcile ReconcileStatus `json:"reconcile"`
	Services  []ServiceStatus `json:"services"`
	Problems  []ProblemStatus `json:"problems"`
	// Held are the IDs of services whose removal waits for a human.
	Held []string `json:"held"`
	// HeldWhy says why and what to do.
	HeldWhy string `json:"held_why,omitempty"`
}

// WatchStatus is what is known of the tree.
type WatchStatus struct {
	Tree string `json:"tree"`
	// Known tells whether anything was ever known since the start.
	Known bool   `json:"known"`
	Index uint64 `json:"index"`
	// Withheld says which deletions are not believed, and why.
	Withheld string `json:"withheld,omitempty"`
	// LastSuccess is when Consul last answered.
	LastSuccess time.Time `json:"last_success,omitzero"`
	Error       string    `json:"error,omitempty"`
}

// ReconcileStatus is how the last comparison went.
type ReconcileStatus struct {
	Last        time.Time `json:"last,omitzero"`
	LastSuccess time.Time `json:"last_success,omitzero"`
	Took        string    `json:"took,omitempty"`
	Error       string    `json:"error,omitempty"`
}

// ServiceStatus is a service of ours on the local agent.
type ServiceStatus struct {
	ID   string   `json:"id"`
	Name string   `json:"name"`
	Key  string   `json:"key"`
	Port int      `json:"port"`
	Tags []string `json:"tags"`
	// Check is "passing", "warning" or "critical" as of the last comparison, and
	// empty if the check is newer than that.
	Check string `json:"check,omitempty"`
}

// ProblemStatus is a key, an ID or a step that is not as it should be.
type ProblemStatus struct {
	Key   string    `json:"key,omitempty"`
	ID    string    `json:"id,omitempty"`
	Error string    `json:"error"`
	Since time.Time `json:"since"`
}

// watchStatus describes what is known, and what the last answer said.
func watchStatus(prefix string, known *Snapshot, err error) WatchStatus {
	s := WatchStatus{Tree: prefix}
	if known != nil {
		s.Known, s.Index, s.Withheld = true, known.Index, describeWithheld(*known)
	}
	if err != nil {
		s.Error = err.Error()
	}
	return s
}

// board is where the tasks put what they show. Its mutex guards what is shown and
// nothing else.
type board struct {
	instance    string
	maxWatchAge time.Duration
	maxPassAge  time.Duration

	mu          sync.Mutex
	alive       time.Time
	watch       WatchStatus
	pass        Pass
	reconcile   ReconcileStatus
	problems    []ProblemStatus
	reconcileOK bool
}

// beat notes that the loop turns.
func (b *board) beat() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.alive = time.Now()
}

func (b *board) watched(s WatchStatus) {
	b.mu.Lock()
	defer b.mu.Unlock()
	s.LastSuccess = b.watch.LastSuccess
	if s.Error == "" {
		s.LastSuccess = time.Now()
	}
	b.watch = s
}

// passed takes over the result of a pass. One that failed says nothing about
// services: the last that succeeded stays on show.
func (b *board) passed(pass Pass, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	b.reconcile.Last = now
	b.reconcile.Took = time.Since(pass.Start).Round(time.Microsecond).String()
	b.reconcile.Error = ""
	b.reconcileOK = err == nil
	if err != nil {
		b.reconcile.Error = err.Error()
	} else {
		b.reconcile.LastSuccess = now
	}
	if pass.Actual.Ours != nil {
		b.pass = pass
		b.problems = problemStatuses(pass, b.problems, now)
	}
}

// problemStatuses lists what is wrong. What was wrong before keeps its time.
func problemStatuses(pass Pass, before []ProblemStatus, now time.Time) []ProblemStatus {
	problems := []ProblemStatus{}
	for _, p := range pass.Problems {
		problems = append(problems, ProblemStatus{Key: p.Key, Error: p.Err.Error(), Since: now})
	}
	for _, id := range pass.Plan.Taken {
		problems = append(problems, ProblemStatus{ID: string(id), Error: takenText, Since: now})
	}
	for _, o := range pass.Report.Outcomes {
		if o.Err != nil && !errors.Is(o.Err, register.ErrPostponed) {
			problems = append(problems, ProblemStatus{Key: o.Step.Key(), ID: string(o.Step.ID), Error: o.Err.Error(), Since: now})
		}
	}
	for i, p := range problems {
		for _, old := range before {
			if old.Key == p.Key && old.ID == p.ID {
				problems[i].Since = old.Since
			}
		}
	}
	return problems
}

const takenText = "a service of somebody else has this ID: deregister it, or set another instance"

// heldText says why removals wait and what to do.
func heldText(pass Pass) string {
	if len(pass.Plan.Held) == 0 {
		return ""
	}
	return fmt.Sprintf("%d of %d services would be removed at once, more than guard.min and guard.percent allow: if that is right, restart once with guard.allow_removals = true",
		len(pass.Plan.Held), len(pass.Actual.Ours))
}

// living tells whether the loop turns.
func (b *board) living(now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return now.Sub(b.alive) < b.maxPassAge
}

// status puts together what is known at this moment.
func (b *board) status(now time.Time) Status {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := Status{
		Version:   cmp.Or(version.Version, "unknown"),
		Instance:  b.instance,
		Node:      b.pass.Node.Name,
		Watch:     b.watch,
		Reconcile: b.reconcile,
		Services:  []ServiceStatus{},
		Problems:  b.problems,
		Held:      []string{},
		HeldWhy:   heldText(b.pass),
		NotReady:  b.notReady(now),
	}
	s.Ready = len(s.NotReady) == 0
	if b.pass.Node.Address.IsValid() {
		s.Address = b.pass.Node.Address.String()
	}
	for _, id := range slices.Sorted(maps.Keys(b.pass.Actual.Ours)) {
		r := b.pass.Actual.Ours[id]
		s.Services = append(s.Services, ServiceStatus{ID: string(id), Name: r.Name, Key: r.Key(), Port: r.Port, Tags: r.Tags, Check: r.Status()})
	}
	for _, step := range b.pass.Plan.Held {
		s.Held = append(s.Held, string(step.ID))
	}
	return s
}

// notReady lists why the node does not announce what it should, as far as is known.
func (b *board) notReady(now time.Time) []string {
	var why []string
	switch {
	case !b.watch.Known && b.watch.Error != "":
		why = append(why, "the tree was never known: "+b.watch.Error)
	case !b.watch.Known:
		why = append(why, "the tree is not known yet")
	case now.Sub(b.watch.LastSuccess) > b.maxWatchAge:
		why = append(why, fmt.Sprintf("nothing was heard of the tree for %s: %s", now.Sub(b.watch.LastSuccess).Round(time.Second), b.watch.Error))
	}
	switch {
	case b.reconcile.Last.IsZero():
		why = append(why, "nothing was compared with the local agent yet")
	case !b.reconcileOK:
		why = append(why, "the last comparison failed: "+b.reconcile.Error)
	case now.Sub(b.reconcile.LastSuccess) > b.maxPassAge:
		why = append(why, "the last comparison is too long ago")
	}
	return why
}
