package agent

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/common/version"
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
	// Waiting are the removals that a human has to approve.
	Waiting []Waiting     `json:"waiting"`
	Catalog CatalogStatus `json:"catalog"`
	Token   TokenStatus   `json:"token"`
}

// CatalogStatus is what was seen when the servers were last asked what they hold for
// this node.
type CatalogStatus struct {
	// Verified is when they were last asked; zero if they never answered in full.
	Verified time.Time `json:"verified,omitzero"`
	// Error is why they could not be asked, or did not tell all.
	Error string `json:"error,omitempty"`
	// Diverging counts the services that they hold otherwise than the local agent.
	Diverging int `json:"diverging"`
}

// TokenStatus is about the token file; it never holds a token.
type TokenStatus struct {
	// Error is why the file's token is not used.
	Error string `json:"error,omitempty"`
	// Others counts the services that are still registered with another token: those
	// that wait for a human, or for a value to be mended, stay as they are.
	Others int `json:"services_with_another"`
	// OldRevocable is since when the token before the last change is of no use to
	// anything of ours.
	OldRevocable time.Time `json:"old_revocable_since,omitzero"`
}

// WatchStatus is what is known of the tree.
type WatchStatus struct {
	Tree string `json:"tree"`
	// Known tells whether anything was ever known since the start.
	Known bool   `json:"known"`
	Index uint64 `json:"index"`
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
		s.Known, s.Index = true, known.Index
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
	catalog     CatalogStatus
	token       TokenStatus
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
func (b *board) passed(pass Pass, v *verifier, others int, err error) {
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
	b.catalog = v.status()
	if pass.Compared() {
		b.pass = pass
		b.token.Others = others
		b.problems = problemStatuses(problems(pass, v), b.problems, now)
	}
}

// waiting returns what a human has to approve.
func (b *board) waiting() []Waiting {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.pass.Waiting
}

// tokenRead notes whether the token file's token is in force.
func (b *board) tokenRead(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.token.Error = ""
	if err != nil {
		b.token.Error = err.Error()
	}
}

// tokenProven notes that the old token may be revoked.
func (b *board) tokenProven(now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.token.OldRevocable = now
}

// problemStatuses lists what is wrong. What was wrong before keeps its time.
func problemStatuses(current []problem, before []ProblemStatus, now time.Time) []ProblemStatus {
	since := map[[2]string]time.Time{}
	for _, old := range before {
		since[[2]string{old.Key, old.ID}] = old.Since
	}
	statuses := []ProblemStatus{}
	for _, p := range current {
		status := ProblemStatus{Key: p.key, ID: string(p.id), Error: p.text, Since: now}
		if old, lasts := since[[2]string{status.Key, status.ID}]; lasts {
			status.Since = old
		}
		statuses = append(statuses, status)
	}
	return statuses
}

// heldText says why removals wait.
func heldText(pass Pass) string {
	return fmt.Sprintf("%d of %d services would be removed: guard.min and guard.percent do not allow that many within %s",
		len(pass.Plan.Held), len(pass.Actual.Ours), guardWindow)
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
		Waiting:   append([]Waiting{}, b.pass.Waiting...),
		Catalog:   b.catalog,
		Token:     b.token,
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
