package agent

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/common/version"

	"github.com/k8s-registrar/k8s-registrar/config"
	"github.com/k8s-registrar/k8s-registrar/register"
)

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

	// beats hears that the loop turns.
	beats news[struct{}]

	mu          sync.Mutex
	started     time.Time
	alive       time.Time
	watch       WatchStatus
	node        register.Node
	desired     int
	backlog     int
	services    map[register.ID]*register.Registered
	holders     map[register.ID][]string // of those that not every node announces
	waits       []Waiting
	maintenance *MaintenanceStatus
	reconcile   ReconcileStatus
	problems    []ProblemStatus
	reconcileOK bool
	catalog     CatalogStatus
	token       TokenStatus
	files       FilesStatus
	loaded      ConfigStatus
	spread      SpreadStatus
	copies      int
	chronicle   chronicle
}

func newBoard(cfg config.Config) *board {
	now := time.Now()
	return &board{
		instance:    cfg.Instance,
		maxWatchAge: cfg.Watch.Wait + cfg.Watch.Wait/16 + 2*readTimeout,
		maxPassAge:  maxPassAge(cfg),
		beats:       newNews[struct{}](),
		started:     now,
		loaded:      ConfigStatus{Loaded: now},
		copies:      cfg.Spread.Copies,
	}
}

// maxPassAge is twice what the loop rests at most, and a minute.
func maxPassAge(cfg config.Config) time.Duration {
	return 2*longestRest*cfg.Reconcile.Resync + time.Minute
}

// beat notes that the loop turns.
func (b *board) beat() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.alive = time.Now()
	b.beats.put(struct{}{})
}

func (b *board) watched(s WatchStatus) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	s.LastSuccess = b.watch.LastSuccess
	if s.Error == "" {
		s.LastSuccess = now
	} else {
		b.chronicle.failed("watch", s.Error, now)
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
		b.chronicle.failed("comparison", b.reconcile.Error, now)
	} else {
		b.reconcile.LastSuccess = now
	}
	b.catalog = v.status()
	if pass.Compared() {
		b.chronicle.passed(pass, now)
		b.node, b.desired, b.waits = pass.Node, len(pass.Desired.Want), pass.Waiting
		b.backlog = len(pass.Backlog)
		b.maintenance = maintenanceStatus(pass.Actual)
		b.list(pass)
		b.spread.show(pass)
		b.token.Others = others
		b.problems = problemStatuses(problems(pass, v), b.problems, now)
	}
}

// list takes over the services of a pass.
func (b *board) list(pass Pass) {
	touched := pass.Touched
	if touched == nil {
		b.services = make(map[register.ID]*register.Registered, len(pass.Actual.Ours))
		b.holders = map[register.ID][]string{}
		touched = slices.Collect(maps.Keys(pass.Actual.Ours))
	}
	for _, id := range touched {
		delete(b.services, id)
		delete(b.holders, id)
		have, ours := pass.Actual.Ours[id]
		if !ours {
			continue
		}
		b.services[id] = have
		if holders := pass.View.Holders(pass.Desired.Want[id]); holders != nil {
			b.holders[id] = holders
		}
	}
}

// waiting returns what a human has to approve.
func (b *board) waiting() []Waiting {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.waits
}

// registered returns what is registered, sorted.
func (b *board) registered() []register.ID {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Sorted(maps.Keys(b.services))
}

// tokenRead notes whether the token file's token is in force.
func (b *board) tokenRead(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.token.Error = ""
	if err != nil {
		b.token.Error = err.Error()
		b.chronicle.failed("token file", b.token.Error, time.Now())
	}
}

// filesRead notes whether the TLS files' content is in force.
func (b *board) filesRead(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.files.Error = ""
	if err != nil {
		b.files.Error = err.Error()
		b.chronicle.failed("certificates for Consul", b.files.Error, time.Now())
	}
}

// adopt takes over how old things may get.
func (b *board) adopt(cfg config.Config) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.maxPassAge, b.copies = maxPassAge(cfg), cfg.Spread.Copies
}

// configured notes that a configuration is in force, or why a newer one is not.
func (b *board) configured(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	if err != nil {
		b.loaded.Error = err.Error()
		b.chronicle.failed("configuration", b.loaded.Error, now)
		return
	}
	b.loaded = ConfigStatus{Loaded: now}
}

// tokenProven notes that the old token may be revoked.
func (b *board) tokenProven(now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.token.OldRevocable = now
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
		Node:      b.node.Name,
		Time:      now,
		Started:   b.started,
		Desired:   b.desired,
		Backlog:   b.backlog,
		Watch:     b.watch,
		Reconcile: b.reconcile,
		Services:  []ServiceStatus{},
		Problems:  b.problems,
		Waiting:   append([]Waiting{}, b.waits...),
		Catalog:   b.catalog,
		Token:     b.token,
		TLS:       b.files,
		Config:    b.loaded,
		Spread:    b.shares(),
		Changes:   newestFirst(b.chronicle.changes),
		Errors:    newestFirst(b.chronicle.errors),
		NotReady:  b.notReady(now),
	}
	s.Ready = len(s.NotReady) == 0
	s.Maintenance = b.maintenance
	if b.node.Address.IsValid() {
		s.Address = b.node.Address.String()
	}
	for _, id := range slices.Sorted(maps.Keys(b.services)) {
		service := serviceStatus(b.services[id])
		service.Nodes, service.Changed = b.holders[id], b.chronicle.changed[id]
		s.Services = append(s.Services, service)
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
