package agent

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"path"
	"slices"
	"time"

	"golang.org/x/time/rate"

	"github.com/k8s-registrar/k8s-registrar/kvschema"
)

// quietPace is the least time between two reads that no change of ours asked for: a
// prefix without keys rings on every write of the whole datacenter, and a server
// that stops lets go of every blocking query at once.
const quietPace = time.Second

// watch turns the tree into the newest known snapshot. It waits at a doorbell, which
// costs next to nothing, and reads the tree when it rang.
type watch struct {
	tree     tree
	wait     time.Duration // how long the doorbell is asked to block
	fullRead time.Duration // how often to read though nothing rang
	pace     *rate.Limiter // between reads after a ring
	quiet    *rate.Limiter // between other reads, see quietPace
	news     news[Snapshot]
	show     func(known *Snapshot, err error)
	voice    *voice
}

// bell is what a return of the doorbell means.
type bell int

const (
	// silent: nothing happened while we waited.
	silent bell = iota
	// rang: the tree changed.
	rang
	// suspicious: only a consistent read can tell what happened.
	suspicious
	// abandoned: the server let go of the query before its time.
	abandoned
)

// hear says what the doorbell's return means, given the index that is known, the one
// that was asked to pass (0 for not waiting), the one that came, and whether it came
// before the time was up.
//
// An early return with the index that was asked for means that the server let go of
// the query: because it stops, or because a snapshot was restored under it. Asking
// again would then block although everything changed.
func hear(known, asked, got uint64, early bool) bell {
	switch {
	case got < known:
		return suspicious
	case got > known:
		return rang
	case asked != 0 && early:
		return abandoned
	default:
		return silent
	}
}

// run watches until the context ends. An error never ends it, and never changes what
// is known.
func (w *watch) run(ctx context.Context) error {
	var before *Snapshot
	var asked, index uint64
	ring := suspicious
	waits := newRetry()
	due := w.nextFullRead()
	for ctx.Err() == nil {
		var err error
		if ring == silent {
			ring, index, err = w.listen(ctx, before.Index, asked)
			asked = 0 // after an error ask where the tree is, without waiting
		}
		if err == nil && time.Now().After(due) {
			ring = suspicious
		}
		if err == nil && ring != silent {
			var fresh Snapshot
			if fresh, err = w.read(ctx, before, ring, index); err == nil {
				w.tell(before, fresh)
				before, ring, due = &fresh, silent, w.nextFullRead()
			}
		}
		if ctx.Err() != nil {
			return nil
		}
		w.show(before, err)
		if err != nil {
			wait := waits.after(err)
			w.voice.failed(err, "reason", reason(err), "retry", wait)
			sleep(ctx, wait)
			continue
		}
		asked = before.Index
		w.voice.recovered()
		waits.reset()
	}
	return nil
}

// nextFullRead is spread, so that a fleet that started together reads apart.
func (w *watch) nextFullRead() time.Time {
	return time.Now().Add(w.fullRead/2 + rand.N(w.fullRead))
}

// listen waits at the doorbell.
func (w *watch) listen(ctx context.Context, known, asked uint64) (bell, uint64, error) {
	start := time.Now()
	got, err := w.tree.ask(ctx, asked, w.wait)
	if err != nil {
		return silent, 0, err
	}
	if got == 0 {
		return silent, 0, errNotKV
	}
	return hear(known, asked, got, time.Since(start) < w.wait), got, nil
}

// read asks what the tree is, and once more in the surest way if the answer leaves a
// doubt that can be cleared.
func (w *watch) read(ctx context.Context, before *Snapshot, ring bell, index uint64) (Snapshot, error) {
	pace := w.quiet
	if ring == rang && len(before.Pairs) > 0 {
		pace = w.pace
	}
	if err := pace.Wait(ctx); err != nil {
		return Snapshot{}, fmt.Errorf("wait for the next read: %w", err)
	}
	if ring == rang {
		a := w.tree.readAt(ctx, index)
		switch v := judge(before, a).(type) {
		case known:
			return v.snapshot, w.proveLoss(ctx, before, v.snapshot, a)
		case doubtful:
			return Snapshot{}, v.why
		case unproven: // ask again
		}
	}
	a := w.tree.readConsistent(ctx)
	a.abandoned = ring == abandoned
	switch v := judge(before, a).(type) {
	case known:
		return v.snapshot, w.proveLoss(ctx, before, v.snapshot, a)
	case doubtful:
		return Snapshot{}, v.why
	case unproven:
		return Snapshot{}, fmt.Errorf("read %s: %s", w.tree.prefix, v.why)
	default:
		panic(fmt.Sprintf("agent: verdict %T is not handled", v))
	}
}

// proveLoss makes sure, where Consul would not tell that it hides something, that keys
// which are missing now may be read at all: one of each namespace is asked for alone.
func (w *watch) proveLoss(ctx context.Context, before *Snapshot, fresh Snapshot, a answer) error {
	if a.trusted || before == nil {
		return nil
	}
	asked := map[string]bool{}
	for _, pair := range missing(before.Pairs, fresh.Pairs) {
		folder := path.Dir(pair.Key)
		if asked[folder] {
			continue
		}
		asked[folder] = true
		switch may, err := w.tree.mayRead(ctx, pair.Key); {
		case err != nil:
			return err
		case may == forbidden:
			return errFiltered
		}
	}
	return nil
}

// tell hands on what is new. An index may move without any value having changed.
func (w *watch) tell(before *Snapshot, fresh Snapshot) {
	if before == nil || before.Epoch != fresh.Epoch || !slices.EqualFunc(before.Pairs, fresh.Pairs, samePair) {
		w.news.put(fresh)
	}
}

func samePair(a, b kvschema.Pair) bool {
	return a.Key == b.Key && a.CreateIndex == b.CreateIndex && a.ModifyIndex == b.ModifyIndex && bytes.Equal(a.Value, b.Value)
}
