package register

import "maps"

// Stamp is stamp, for registrations that no mapping makes.
func (r *Registration) Stamp() error { return r.stamp() }

// Recall is recall, of a copy.
func (a Actual) Recall(before Actual) Actual {
	a.Ours = maps.Clone(a.Ours)
	return a.recall(before)
}
