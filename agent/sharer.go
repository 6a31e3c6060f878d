package agent

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/k8s-registrar/k8s-registrar/register"
	"github.com/k8s-registrar/k8s-registrar/register/spread"
)

const (
	// shareCalm is how long the members must not have changed before anything is let go:
	// until then nodes may not agree on whose it is, and each could leave it to another.
	shareCalm = 10 * time.Second
	// shareAsks is how many services are asked for in one pass, and drainAsks how many
	// when the node is taken out. A change waits behind it, shareTimeout at most.
	shareAsks, drainAsks = 32, 256
	shareTimeout         = time.Second
	// sharePause is the time between two such rounds, and maxSharePause when nothing could
	// be let go.
	sharePause    = time.Second
	maxSharePause = 30 * time.Second
)

// sharer finds which services fall to this node. What should be others' goes only right
// after the servers have shown that each of those holds it and passes.
type sharer struct {
	local *register.Local
	view  spread.View

	last  string        // the key that was asked for last
	due   time.Time     // when to ask again
	pause time.Duration // before that

	// marked is since when the node is known to be in maintenance; zero if it is not.
	marked time.Time
	// covered are the keys that the others were seen to have since then.
	covered map[string]bool
}

// adopt takes over a newer view.
func (s *sharer) adopt(view spread.View) {
	s.view, s.pause, s.due = view, sharePause, time.Time{}
}

// alone returns what would be announced by a node that holds nothing.
func (s *sharer) alone(desired register.Desired) register.Desired {
	return s.view.Share(desired, register.Actual{}, nil).Desired
}

// share returns the share of this moment. It asks the servers, if it is time to, what may be
// let go.
func (s *sharer) share(ctx context.Context, desired register.Desired, actual register.Actual, now time.Time) spread.Share {
	s.mark(actual.Marker != "", now)
	view := s.view
	if !s.marked.IsZero() {
		view.Members = view.Members.Without(view.Self) // as the others will have it
	}
	share := view.Share(desired, actual, nil)
	if len(share.Leaving) == 0 || now.Before(s.next()) {
		return share
	}
	covered := s.ask(ctx, share.Leaving)
	maps.Copy(s.covered, covered)
	if s.pause *= 2; len(covered) > 0 || s.pause == 0 {
		s.pause = sharePause
	}
	s.pause = min(s.pause, maxSharePause)
	if s.handingOver(now) {
		s.pause = sharePause // somebody waits for it
	}
	s.due = now.Add(s.pause)
	if now.Before(s.calm()) {
		return share
	}
	return view.Share(desired, actual, covered)
}

// mark notes whether the node is in maintenance.
func (s *sharer) mark(marked bool, now time.Time) {
	switch {
	case !marked:
		s.marked, s.covered = time.Time{}, map[string]bool{}
	case s.marked.IsZero():
		s.marked, s.pause, s.due = now, sharePause, time.Time{}
	}
}

// handingOver tells whether the node has been taken out so lately that the others have time
// to take over.
func (s *sharer) handingOver(now time.Time) bool {
	return !s.marked.IsZero() && now.Sub(s.marked) < register.HandOver
}

// calm is when all nodes have heard of the last change.
func (s *sharer) calm() time.Time {
	if s.marked.After(s.view.Since) {
		return s.marked.Add(shareCalm)
	}
	return s.view.Since.Add(shareCalm)
}

// next is when to ask again while anything leaves. A node that is taken out asks at once.
func (s *sharer) next() time.Time {
	if calm := s.calm(); s.marked.IsZero() && calm.After(s.due) {
		return calm
	}
	return s.due
}

// ask returns the keys of those services that leave and that all their holders pass. It asks
// for some; the others have their turn later.
func (s *sharer) ask(ctx context.Context, leaving map[string]spread.Leaving) map[string]bool {
	ctx, cancel := context.WithTimeout(ctx, shareTimeout)
	defer cancel()
	covered := map[string]bool{}
	for _, key := range s.turn(slices.Sorted(maps.Keys(leaving))) {
		s.last = key
		passing := map[register.ID][]string{}
		for _, port := range leaving[key].Ports {
			nodes, err := s.local.Passing(ctx, port.Name, port.ID)
			if err != nil {
				return covered // what is not known does not go
			}
			passing[port.ID] = nodes
		}
		if leaving[key].Released(passing) {
			covered[key] = true
		}
	}
	return covered
}

// turn returns those whose turn it is: the first ones behind the last that was asked for.
func (s *sharer) turn(keys []string) []string {
	most := shareAsks
	if !s.marked.IsZero() {
		most = drainAsks
	}
	at, found := slices.BinarySearch(keys, s.last)
	if found {
		at++
	}
	keys = slices.Concat(keys[at:], keys[:at])
	return keys[:min(len(keys), most)]
}

// spared returns the keys of services that do not enter maintenance mode yet, though the
// node is taken out: until the others have taken over, and no longer than an operator would
// wait.
func (s *sharer) spared(leaving map[string]spread.Leaving, now time.Time) map[string]bool {
	spared := map[string]bool{}
	if !s.handingOver(now) {
		return spared
	}
	for key := range leaving {
		if !s.covered[key] {
			spared[key] = true
		}
	}
	return spared
}
