package register

import (
	"slices"
	"strings"

	"github.com/k8s-registrar/k8s-registrar/health"
)

// Check is a check as the local agent holds it. Its target and its times are not
// to be seen there; our checks repeat them in the notes.
type Check struct {
	ID                string
	Name, Notes, Type string
	// Status is "passing", "warning" or "critical".
	Status string
	// Output is what the last probe said.
	Output string
}

// alike tells whether two are the same, whatever their probes said.
func (c Check) alike(other Check) bool {
	c.Status, c.Output = other.Status, other.Output
	return c == other
}

// Checks are those of one service. They are never changed.
//
// There are thousands, and nearly all are one check that is just as we make it. So that one
// is not held in words, which would take eight times as much memory.
type Checks struct {
	own    *health.Check // of ours, just as we make it and without an output; or nil
	status string        // of own
	others []Check       // sorted by ID
}

// All returns the checks, sorted by ID.
func (c Checks) All() []Check {
	if c.own == nil {
		return c.others
	}
	i, _ := c.find(c.own.ID())
	return slices.Concat(c.others[:i], []Check{c.shownOwn()}, c.others[i:])
}

// Of returns the check with an ID, and false if there is none.
func (c Checks) Of(id string) (Check, bool) {
	if c.isOwn(id) {
		return c.shownOwn(), true
	}
	i, found := c.find(id)
	if !found {
		return Check{}, false
	}
	return c.others[i], true
}

// With returns the checks with one more, or another in the place of the one with its ID.
func (c Checks) With(check Check) Checks {
	c = c.Without(check.ID)
	i, _ := c.find(check.ID)
	c.others = slices.Concat(c.others[:i], []Check{check}, c.others[i:])
	return c
}

// Without returns the checks but for the one with an ID.
func (c Checks) Without(id string) Checks {
	if c.isOwn(id) {
		return Checks{others: c.others}
	}
	if i, found := c.find(id); found {
		c.others = slices.Concat(c.others[:i], c.others[i+1:])
	}
	return c
}

// withOwn returns the checks with the one that we make, of whatever kind: there is no other
// of ours. If it is there, it keeps its status.
func (c Checks) withOwn(own *health.Check) Checks {
	known, _ := c.Of(own.ID())
	if known.Output != "" {
		check := shownCheck(own)
		check.Status, check.Output = known.Status, known.Output
		return c.With(check)
	}
	c = c.Without(own.ID())
	c.own, c.status = own, known.Status
	return c
}

func (c Checks) equal(other Checks) bool {
	return c.own.Equal(other.own) && c.status == other.status && slices.Equal(c.others, other.others)
}

func (c Checks) isOwn(id string) bool { return c.own != nil && c.own.HasID(id) }

func (c Checks) shownOwn() Check {
	check := shownCheck(c.own)
	check.Status = c.status
	return check
}

func (c Checks) find(id string) (int, bool) {
	return slices.BinarySearchFunc(c.others, id, func(check Check, id string) int { return strings.Compare(check.ID, id) })
}
