package register

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Action is what a step does.
type Action string

// The actions, in the order in which a plan has them.
const (
	Add    Action = "add"
	Update Action = "update"
	Remove Action = "remove"
)

// Step is one call to the local agent. A step of a plan is never changed: plans share them.
type Step struct {
	Action Action
	ID     ID
	// Want is what will be there; zero for a removal, and for an update of nothing but
	// maintenance mode.
	Want Registration
	// Have is what is there; nil for an addition.
	Have *Registered
	// Changes say what differs, for an update.
	Changes []Change
	// Enter is the mark with which the service enters maintenance mode; empty if it does
	// not. Lift tells that it leaves it. See [Plan.Maintain].
	Enter Mark
	Lift  bool
	// Wait says why the step is not to be tried now; empty for one that is. It still
	// stands before the removals that have to follow it.
	Wait string
}

// Key returns the KV key that the step is about.
func (s *Step) Key() string { return cmp.Or(s.Want.Key(), s.Have.Key()) }

// Name returns the name of the service that the step is about.
func (s *Step) Name() string {
	if s.Have == nil {
		return s.Want.Name
	}
	return cmp.Or(s.Want.Name, s.Have.Name)
}

// String is the step in one line, without its changes.
func (s *Step) String() string { return fmt.Sprintf("%s %s", s.Action, s.ID) }

// Plan is what leads from the actual state to the desired one. An empty plan
// means that nothing is sent.
type Plan struct {
	// Steps are the additions, then the updates, then the removals, each by ID: a
	// service that moves to another ID is never absent in between.
	Steps []*Step
	// Held are removals that wait, see [Budget].
	Held []*Step
	// Taken are IDs that we should use and that belong to somebody else.
	Taken []ID
	// Seen is when the actual state was asked for; zero if that was just now.
	Seen time.Time
	// Led is when the servers were last known to have a leader, for which each answer of
	// theirs vouches; zero if it is to be asked for.
	Led time.Time
}

// Empty tells whether there is nothing to do, and nothing that waits.
func (p Plan) Empty() bool { return len(p.Steps)+len(p.Held)+len(p.Taken) == 0 }

// Count returns the number of steps of an action.
func (p Plan) Count(action Action) int {
	var n int
	for _, s := range p.Steps {
		if s.Action == action {
			n++
		}
	}
	return n
}

// Waits returns whether a step is not to be tried now: it waits, or it is a removal that
// has to follow one that does.
func (p Plan) Waits() func(*Step) bool {
	var waiting []*Step
	for _, step := range p.Steps {
		if step.Wait != "" && step.Action != Remove {
			waiting = append(waiting, step)
		}
	}
	follows := following(waiting)
	return func(s *Step) bool { return s.Wait != "" || follows(s) }
}

// Diff plans the way from the actual to the desired state. It names no service
// but those of the two. The result depends on nothing else:
//
//	                  wanted            not wanted, key kept   not wanted
//	ours, same        -                 -                      remove
//	ours, different   update            -                      remove
//	not there         add               -                      -
//	somebody else's   taken             -                      -
//
// A key whose ID is taken counts as kept: if it moved there from another ID, it stays
// at the old one until it can move.
func Diff(desired Desired, actual Actual) Plan {
	var plan Plan
	var updates []*Step
	stuck := map[string]bool{} // keys whose ID is taken
	for _, id := range sortedIDs(desired.Want) {
		have, ours := actual.Ours[id]
		want := desired.Want[id].withNonce(have.meta().Of(MetaNonce))
		_, taken := actual.Taken[id]
		switch {
		case taken:
			plan.Taken = append(plan.Taken, id)
			stuck[want.Key()] = true
		case !ours:
			plan.Steps = append(plan.Steps, &Step{Action: Add, ID: id, Want: want})
		default:
			if changes := compare(want, have); len(changes) > 0 {
				updates = append(updates, &Step{Action: Update, ID: id, Want: want, Have: have, Changes: changes})
			}
		}
	}
	plan.Steps = append(plan.Steps, updates...)
	for _, id := range sortedIDs(actual.Ours) {
		have := actual.Ours[id]
		_, wanted := desired.Want[id]
		_, kept := desired.Keep[have.Key()]
		if !wanted && !kept && !stuck[have.Key()] {
			plan.Steps = append(plan.Steps, &Step{Action: Remove, ID: id, Have: have})
		}
	}
	return plan
}

// String is one line a step.
func (p Plan) String() string {
	var b strings.Builder
	for _, step := range p.Steps {
		fmt.Fprintln(&b, step)
	}
	return b.String()
}

func sortedIDs[T any](m map[ID]T) []ID { return slices.Sorted(maps.Keys(m)) }
