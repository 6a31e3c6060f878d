package register

import (
	"slices"
	"strconv"
)

// Lost returns the KV keys, sorted, of services that the agent holds, that nothing
// asks for any more, and whose key was created at a later index than the tree has: a
// deletion would have raised the index above that, so the servers have gone back in
// time and have not seen the key yet. The agent's own memory tells, even after a
// restart of ours.
func Lost(desired Desired, actual Actual, index uint64) []string {
	announced := desired.Announced()
	var lost []string
	for _, have := range actual.Ours {
		created, err := strconv.ParseUint(have.Meta.Of(MetaCreated), 10, 64)
		_, kept := desired.Keep[have.Key()]
		if err == nil && created > index && !kept && !announced[have.Key()] {
			lost = append(lost, have.Key())
		}
	}
	slices.Sort(lost)
	return slices.Compact(lost)
}
