package register

import (
	"slices"
	"strings"
	"time"
)

// maintenancePrefix and the service's ID make the ID of the check that a service's
// maintenance mode is.
const maintenancePrefix = "_service_maintenance:"

// maintenanceField is what a change of maintenance mode is called.
const maintenanceField = "maintenance"

// Mark is the reason text that a service of ours is in maintenance mode with. Consul's
// agent keeps it over its own restarts and ours.
type Mark string

// Kind is what begins a mark that we set. Any other text is an operator's own, and
// that maintenance mode is never ours to end.
type Kind string

const (
	// ByCommand is what the command "maintenance on" sets.
	ByCommand Kind = "k8s-registrar maintenance"
	// ByStop is what a daemon that stops sets, and the next one lifts.
	ByStop Kind = "k8s-registrar stopped"
)

// Mark returns a mark of this kind; a reason makes people understand it.
func (k Kind) Mark(reason string) Mark {
	if reason == "" {
		return Mark(k)
	}
	return Mark(string(k) + ": " + reason)
}

// Is tells whether the mark is of a kind.
func (m Mark) Is(k Kind) bool {
	return string(m) == string(k) || strings.HasPrefix(string(m), string(k)+": ")
}

// Reason is what people gave as the reason, and all of a mark that is not ours.
func (m Mark) Reason() string {
	for _, kind := range []Kind{ByCommand, ByStop} {
		if m.Is(kind) {
			return strings.TrimPrefix(strings.TrimPrefix(string(m), string(kind)), ": ")
		}
	}
	return string(m)
}

// Maintenance returns the mark that the service is in maintenance mode with, and false
// if it is in none.
func (r *Registered) Maintenance() (Mark, bool) {
	if r == nil {
		return "", false
	}
	check, on := r.Checks.Of(maintenancePrefix + string(r.ID))
	return Mark(check.Notes), on
}

// Maintenance is what should become of maintenance mode.
type Maintenance struct {
	// Enter is the mark with which each service of ours enters that is in none; empty
	// to leave them.
	Enter Mark
	// Lift are the kinds of marks whose services leave it.
	Lift []Kind
}

// Standing is what holds for the node as long as nobody says otherwise. While the
// marker is there, see [Local.Mark], every service of ours is in maintenance mode. When
// it is gone none is by a mark of ours. A marker that a weak token cannot see is not
// gone: then what the command has set stays.
func (a Actual) Standing() Maintenance {
	switch {
	case a.Marker != "":
		return Maintenance{Enter: a.Marker}
	case a.Unsure:
		return Maintenance{Lift: []Kind{ByStop}}
	default:
		return Maintenance{Lift: []Kind{ByStop, ByCommand}}
	}
}

// out tells whether a service is in maintenance mode, or its whole node.
func (a Actual) out(have *Registered) bool {
	_, on := have.Maintenance()
	return on || a.NodeOut
}

// AnyOut tells whether a service of ours is in maintenance mode, by whatever mark.
func (a Actual) AnyOut() bool { return a.anyOut(func(Mark) bool { return true }) }

// marked tells whether a service of ours is in maintenance mode by a mark of this kind.
func (a Actual) marked(kind Kind) bool {
	return a.anyOut(func(mark Mark) bool { return mark.Is(kind) })
}

func (a Actual) anyOut(by func(Mark) bool) bool {
	for _, have := range a.Ours {
		if mark, on := have.Maintenance(); on && by(mark) {
			return true
		}
	}
	return false
}

// Maintain adds to the plan that services of ours enter maintenance mode or leave it.
// One that is added enters before it can be found by anybody; one that is updated
// anyway changes both with that; the others are not registered again.
func (p Plan) Maintain(m Maintenance, actual Actual) Plan {
	planned := map[ID]bool{}
	var steps, removals []*Step
	for _, step := range p.Steps {
		planned[step.ID] = true
		if step.Action == Remove {
			removals = append(removals, step)
		} else {
			steps = append(steps, step.maintained(m))
		}
	}
	for _, id := range sortedIDs(actual.Ours) {
		if planned[id] {
			continue
		}
		have := actual.Ours[id]
		if _, changes := m.change(have); changes {
			step := &Step{Action: Update, ID: id, Have: have}
			steps = append(steps, step.maintained(m))
		}
	}
	p.Steps = append(steps, removals...)
	return p
}

// HandOver is how long a node that is taken out waits, at most, for other nodes to take over
// what it has announced, before its services enter maintenance mode all the same.
const HandOver = 30 * time.Second

// Spare takes out of the plan that the services of these KV keys enter maintenance mode.
func (p Plan) Spare(keys map[string]bool) Plan {
	if len(keys) == 0 {
		return p
	}
	var steps []*Step
	for _, step := range p.Steps {
		if keys[step.Key()] && step.Enter != "" {
			if step.Want.ID == "" {
				continue
			}
			spared := *step
			spared.Enter = ""
			spared.Changes = slices.DeleteFunc(slices.Clone(step.Changes), func(c Change) bool { return c.Field == maintenanceField })
			step = &spared
		}
		steps = append(steps, step)
	}
	p.Steps = steps
	return p
}

// change returns what becomes of a service's maintenance mode, and false for nothing.
func (m Maintenance) change(have *Registered) (Change, bool) {
	mark, on := have.Maintenance()
	switch {
	case !on && m.Enter != "":
		return Change{Field: maintenanceField, Want: string(m.Enter)}, true
	case on && slices.ContainsFunc(m.Lift, mark.Is):
		return Change{Field: maintenanceField, Have: string(mark)}, true
	}
	return Change{}, false
}

// maintained returns the step with what has to become of maintenance mode.
func (s *Step) maintained(m Maintenance) *Step {
	change, changes := m.change(s.Have)
	if !changes {
		return s
	}
	with := *s
	with.Enter, with.Lift = Mark(change.Want), change.Want == ""
	with.Changes = append(slices.Clip(s.Changes), change)
	return &with
}

// maintain returns the checks that a service has once it has entered or left.
func (s *Step) maintain(checks Checks) Checks {
	id := maintenancePrefix + string(s.ID)
	switch {
	case s.Enter != "":
		return checks.With(Check{ID: id, Name: "Service Maintenance Mode", Notes: string(s.Enter), Type: "maintenance", Status: "critical"})
	case s.Lift:
		return checks.Without(id)
	}
	return checks
}
