package agent

import (
	"slices"
	"strings"

	"github.com/k8s-registrar/k8s-registrar/kvschema"
)

// scope is a part of the tree that has nothing to do with the rest: keys, and all that are
// tied to them by claims. What becomes of it can be decided alone, see
// [register.Mapping.Desired].
type scope struct {
	keys     map[string]bool
	readings []*kvschema.Reading // of those keys that are still there
}

// scopeOf returns what differs between two states of a tree, with all that it is tied to.
func scopeOf(before, after []*kvschema.Reading) scope {
	s := scope{keys: map[string]bool{}}
	was, is := changed(before, after)
	for _, r := range slices.Concat(was, is) {
		s.keys[r.Key] = true
	}
	if len(s.keys) == 0 || len(s.keys) > mostNarrow {
		return s
	}
	var things []kvschema.Claim
	for _, r := range was {
		things = append(things, r.Claims()...)
	}
	s.readings = kvschema.Tied(after, s.keys, things)
	return s
}

// changed returns the readings of each of two states that the other one lacks. Both are
// sorted, and share what did not change.
func changed(before, after []*kvschema.Reading) (was, is []*kvschema.Reading) {
	for len(before) > 0 || len(after) > 0 {
		var order int
		switch {
		case len(before) == 0:
			order = 1
		case len(after) == 0:
			order = -1
		case before[0] != after[0]:
			order = strings.Compare(before[0].Key, after[0].Key)
		default:
			before, after = before[1:], after[1:]
			continue
		}
		if order <= 0 {
			was, before = append(was, before[0]), before[1:]
		}
		if order >= 0 {
			is, after = append(is, after[0]), after[1:]
		}
	}
	return was, is
}
