package register

import (
	"maps"

	"github.com/k8s-registrar/k8s-registrar/health"
)

// Stamp is stamp, for registrations that no mapping makes.
func (r *Registration) Stamp() error { return r.stamp() }

// Own is the check that is held as we make it, and not in words.
func (c Checks) Own() *health.Check { return c.own }

// SameMeta tells whether two are in memory once, but for the fingerprint.
func SameMeta(a, b Meta) bool { return &a.rest[0] == &b.rest[0] }

// Recall is recall, of a copy.
func (a Actual) Recall(before Actual) Actual {
	a.Ours = maps.Clone(a.Ours)
	return a.recall(before)
}
