package register

import (
	"slices"
	"strings"
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

// Checks are those of one service, sorted by ID. Most services have one, which in a map
// would take eight times as much memory. They are never changed.
type Checks []Check

// Of returns the check with an ID, and false if there is none.
func (c Checks) Of(id string) (Check, bool) {
	i, found := c.find(id)
	if !found {
		return Check{}, false
	}
	return c[i], true
}

// With returns the checks with one more, or another in the place of the one with its ID.
func (c Checks) With(check Check) Checks {
	i, found := c.find(check.ID)
	rest := c[i:]
	if found {
		rest = rest[1:]
	}
	return slices.Concat(c[:i], Checks{check}, rest)
}

// Without returns the checks but for the one with an ID.
func (c Checks) Without(id string) Checks {
	i, found := c.find(id)
	if !found {
		return c
	}
	return slices.Concat(c[:i], c[i+1:])
}

func (c Checks) find(id string) (int, bool) {
	return slices.BinarySearchFunc(c, id, func(check Check, id string) int { return strings.Compare(check.ID, id) })
}
