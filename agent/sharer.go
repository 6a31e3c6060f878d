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
	// shareAsks is how many services are asked for in one pass, and shareTimeout how long
	// that may take: a change waits behind it.
	shareAsks    = 32
	shareTimeout = time.Second
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
}

// adopt takes over a newer view.
func (s *sharer) adopt(view spread.View) {
	s.view, s.pause, s.due = view, sharePause, time.Time{}
}

// share returns the share of this moment. It asks the servers, if it is time to, what may be
// let go.
func (s *sharer) share(ctx context.Context, desired register.Desired, actual register.Actual, now time.Time) spread.Share {
	share := s.view.Share(desired, actual, nil)
	if len(share.Leaving) == 0 || now.Before(s.next()) {
		return share
	}
	released := s.ask(ctx, share.Leaving)
	if s.pause *= 2; len(released) > 0 || s.pause == 0 {
		s.pause = sharePause
	}
	s.pause = min(s.pause, maxSharePause)
	s.due = now.Add(s.pause)
	return s.view.Share(desired, actual, released)
}

// next is when to ask again while anything leaves.
func (s *sharer) next() time.Time {
	if calm := s.view.Since.Add(shareCalm); calm.After(s.due) {
		return calm
	}
	return s.due
}

// ask returns the keys of some of the services that leave and may. The others have their
// turn later.
func (s *sharer) ask(ctx context.Context, leaving map[string]spread.Leaving) map[string]bool {
	ctx, cancel := context.WithTimeout(ctx, shareTimeout)
	defer cancel()
	released := map[string]bool{}
	for _, key := range s.turn(slices.Sorted(maps.Keys(leaving))) {
		s.last = key
		passing := map[register.ID][]string{}
		for _, port := range leaving[key].Ports {
			nodes, err := s.local.Passing(ctx, port.Name, port.ID)
			if err != nil {
				return released // what is not known does not go
			}
			passing[port.ID] = nodes
		}
		if leaving[key].Released(passing) {
			released[key] = true
		}
	}
	return released
}

// turn returns those whose turn it is: the first ones behind the last that was asked for.
func (s *sharer) turn(keys []string) []string {
	at, found := slices.BinarySearch(keys, s.last)
	if found {
		at++
	}
	keys = slices.Concat(keys[at:], keys[:at])
	return keys[:min(len(keys), shareAsks)]
}
