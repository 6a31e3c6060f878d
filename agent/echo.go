package agent

import (
	"context"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/k8s-registrar/k8s-registrar/register"
)

const (
	// longestEcho is how long at most the catalog is asked for nothing but what narrow passes
	// have changed, while nobody else seems to change anything: about a minute. A fleet hears of
	// a change at the same time, and is not to ask for everything at the same time.
	longestEcho = 75 * time.Second
	// mostEchoes is how many services are asked for alone.
	mostEchoes = 64
	// fewServices is up to how many all of them are asked for instead: it costs the servers
	// hardly more, and shows what others have changed.
	fewServices = 32
)

// echo is what narrow passes have changed in the catalog. Each change makes a doorbell ring
// as a change by somebody else does, but at an index at which one of these services was
// changed. So it is enough to ask for these services, to learn that they have arrived and
// who rang. A ring at another index may be somebody else's, or that of a removal, or of a
// service that has changed again. What somebody else changes before a change of ours, when
// nobody listens or the loop is busy, rings at an index of ours: for that, everything is
// asked for when the echo is old.
type echo struct {
	// due is when everything is asked for; zero while nothing was changed.
	due time.Time
	// touched are those that have not been seen in the catalog yet.
	touched map[register.ID]struct{}
	// heard are the indexes at which the doorbell of the services has rung since, and is not
	// known to have rung for us.
	heard []uint64
	// seen are those at which they were changed.
	seen []uint64
}

// add takes over what was changed.
func (e *echo) add(ids []register.ID, now time.Time) {
	if e.due.IsZero() {
		e.due = now.Add(longestEcho*3/5 + rand.N(longestEcho*2/5))
	}
	if e.touched == nil {
		e.touched = map[register.ID]struct{}{}
	}
	for _, id := range ids {
		e.touched[id] = struct{}{}
	}
}

// foreign tells whether a call is for something in the catalog that is not of our own making.
// A ring of the checks has no index of theirs, and may be late, so it need not be: everything
// is asked for anyway when the echo is old.
func (e *echo) foreign(why call) bool {
	return why == callDrift || why == callChecks && e.due.IsZero()
}

// ring takes over that a doorbell has rung that may be our own.
func (e *echo) ring(why call, index uint64) {
	if e.foreign(why) {
		e.heard = append(e.heard, index)
	}
}

// old tells whether everything is to be asked for.
func (e *echo) old(now time.Time) bool {
	return len(e.touched) > mostEchoes || !e.due.IsZero() && !now.Before(e.due)
}

// waits tells whether there is something to confirm.
func (e *echo) waits() bool { return len(e.touched)+len(e.heard) > 0 }

// explained tells whether all rings were made by our changes.
func (e *echo) explained() bool {
	return !slices.ContainsFunc(e.heard, func(index uint64) bool { return !slices.Contains(e.seen, index) })
}

// confirm looks whether what narrow passes have changed is in the catalog, when that is due,
// and tells whether there is nothing else to look at.
func (v *verifier) confirm(ctx context.Context, pass Pass, now time.Time) bool {
	switch {
	case v.busy() || v.echo.old(now):
		return false
	case !v.free(now) || !v.echo.waits():
		return true
	case len(pass.Desired.Want) <= fewServices:
		v.stirred = true
		return false
	}
	return v.explain(ctx, pass, now)
}

// explain asks for what narrow passes have changed, and tells whether it has arrived and is
// all that rang. The node's mark is asked for, too: its ring may be hidden by one of ours, and
// who takes the node out waits for what it leads to. Where the mark may not be read, a look at
// everything would not show it either.
func (v *verifier) explain(ctx context.Context, pass Pass, now time.Time) bool {
	if marked, err := v.local.Marked(ctx); err == nil && marked != (pass.Actual.Marker != "") {
		v.stirred = true
		return false
	}
	ids := slices.Sorted(maps.Keys(v.echo.touched))
	if len(ids) > 0 {
		all, indexes, err := v.local.Arrived(ctx, pass.Node, pass.Desired, ids, v.token())
		switch {
		case err != nil && gaveWay(ctx):
			return true // later
		case err != nil || !all:
			v.stirred = true
			return false
		}
		v.echo.seen = append(v.echo.seen, indexes...)
	}
	if !v.echo.explained() {
		v.stirred = true
		return false
	}
	if len(ids) > 0 {
		v.asked = now
	}
	v.echo.touched, v.echo.heard = nil, nil
	return true
}
