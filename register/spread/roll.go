package spread

import (
	"maps"
	"slices"
	"time"
)

// State is what the servers say of a node.
type State int

// The states of a node.
const (
	// Live is a node whose services can be passing and whose daemon answers.
	Live State = iota
	// Draining is a node that somebody has taken out: what it holds is not passing, or will
	// not be for long.
	Draining
	// Silent is a node whose daemon does not answer. What it has announced goes on.
	Silent
	// Gone is a node of which nothing can be passing, or of which the servers know nothing.
	Gone
)

// Sighting is a node in the servers' answer.
type Sighting struct {
	Member
	State State
}

// Restart is how long a daemon may be away before its share moves: the time of a restart or
// an upgrade. Its services are announced meanwhile, and their checks go on.
const Restart = time.Minute

// Roll is who takes part, over time. The zero value knows nobody.
type Roll struct {
	// Hold is how long a node that is gone stays a member, and Settle how long one that
	// came is none.
	Hold, Settle time.Duration

	began time.Time // of the first sightings
	nodes map[string]entry
}

// entry is what is remembered of a node.
type entry struct {
	Sighting
	member bool
	// since is when it became live, or ceased to be.
	since time.Time
}

// Known tells whether anybody was ever seen.
func (r Roll) Known() bool { return !r.began.IsZero() }

// Among tells whether all nodes that are known are among those that were seen, in whatever
// state.
func (r Roll) Among(seen []Sighting) bool {
	there := map[string]bool{}
	for _, s := range seen {
		there[s.Name] = true
	}
	for name, e := range r.nodes {
		if !there[name] && e.State != Gone {
			return false
		}
	}
	return true
}

// See returns the roll after a complete answer of the servers. Nodes that are not in it are
// gone.
func (r Roll) See(seen []Sighting, now time.Time) Roll {
	next := r.At(now)
	if next.began.IsZero() {
		next.began = now
	}
	there := map[string]bool{}
	for _, s := range seen {
		there[s.Name] = true
		next.note(s, now)
	}
	for name, e := range next.nodes {
		if !there[name] {
			e.State = Gone
			next.note(e.Sighting, now)
		}
	}
	return next.At(now)
}

func (r Roll) note(s Sighting, now time.Time) {
	e, known := r.nodes[s.Name]
	if !known || (e.State == Live) != (s.State == Live) {
		e.since = now
	}
	e.Sighting = s
	r.nodes[s.Name] = e
}

// At returns the roll when nothing was seen since: time alone makes members and ends them.
func (r Roll) At(now time.Time) Roll {
	nodes := map[string]entry{}
	for name, e := range r.nodes {
		if due, until := r.due(e); due && !now.Before(until) {
			e.member = !e.member
		}
		if e.member || e.State != Gone {
			nodes[name] = e
		}
	}
	r.nodes = nodes
	return r
}

// due tells whether a node becomes a member or ceases to be one, and when.
func (r Roll) due(e entry) (bool, time.Time) {
	switch {
	case e.State == Live && !e.member:
		if e.since.Sub(r.began) <= r.Settle {
			return true, e.since // the first ones: to wait would make each a fleet of its own
		}
		return true, e.since.Add(r.Settle)
	case e.State == Draining && e.member:
		return true, e.since // nobody does that by accident
	case e.State == Silent && e.member:
		return true, e.since.Add(max(Restart, r.Hold))
	case e.State == Gone && e.member:
		return true, e.since.Add(r.Hold)
	default:
		return false, time.Time{}
	}
}

// Next returns when time alone changes the members; zero if it does not.
func (r Roll) Next() time.Time {
	var next time.Time
	for _, e := range r.nodes {
		if due, until := r.due(e); due && (next.IsZero() || until.Before(next)) {
			next = until
		}
	}
	return next
}

// Members returns those who take part.
func (r Roll) Members() Members {
	var all []Member
	for _, name := range slices.Sorted(maps.Keys(r.nodes)) {
		if e := r.nodes[name]; e.member {
			all = append(all, e.Member)
		}
	}
	return NewMembers(all...)
}
