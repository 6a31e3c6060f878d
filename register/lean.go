package register

import (
	"maps"
	"slices"

	"github.com/hashicorp/consul/api"
)

// Lean returns the same in less memory: what the agent holds as it should points to what it
// should hold. Consul's answer is a copy of all that we know already, and thousands of
// services are megabytes.
func (a Actual) Lean(desired Desired) Actual {
	ours := make(map[ID]*Registered, len(a.Ours))
	for id, have := range a.Ours {
		if want, wanted := desired.Want[id]; wanted {
			have = have.lean(want.registered())
		}
		ours[have.ID] = have
	}
	a.Ours = ours
	return a
}

// recall returns the same in less memory: what is held as it was before points to that.
func (a Actual) recall(before Actual) Actual {
	for id, have := range a.Ours {
		if was, known := before.Ours[id]; known {
			a.Ours[id] = have.lean(was)
		}
	}
	return a
}

// lean returns the same in less memory: what is as it was before points to that.
func (r Registration) lean(before Desired) Registration {
	was, known := before.Want[r.ID]
	switch {
	case !known:
		return r
	case was.Meta.Of(MetaFingerprint) == r.Meta.Of(MetaFingerprint):
		was.Copies, was.Nodes = r.Copies, r.Nodes // the fingerprint is of what is sent
		return was
	}
	r.ID, r.Meta = was.ID, r.Meta.lean(was.Meta)
	if was.Check.Equal(r.Check) { // most changes are of tags
		r.Check = was.Check
	}
	return r
}

// with returns what is held in either of two parts of one agent. It may change the first.
func (a Actual) with(part Actual) Actual {
	if a.Ours == nil {
		return part
	}
	maps.Copy(a.Ours, part.Ours)
	maps.Copy(a.Taken, part.Taken)
	if part.Marker != "" {
		a.Marker, a.Since = part.Marker, part.Since
	}
	a.NodeOut = a.NodeOut || part.NodeOut
	return a
}

// lean returns the same, pointing to whatever is equal in another.
func (r *Registered) lean(other *Registered) *Registered {
	same := *r
	same.ID = point(same.ID, other.ID)
	same.Name = point(same.Name, other.Name)
	same.Address = point(same.Address, other.Address)
	if maps.Equal(same.TaggedAddresses, other.TaggedAddresses) {
		same.TaggedAddresses = other.TaggedAddresses
	}
	if len(same.Tags) > 0 && slices.Equal(same.Tags, other.Tags) {
		same.Tags = other.Tags
	}
	same.Meta = same.Meta.lean(other.Meta)
	same.Checks = same.Checks.lean(other.Checks)
	if same.equal(other) {
		return other
	}
	return &same
}

func (r *Registered) equal(other *Registered) bool {
	return r.ID == other.ID && r.Name == other.Name && r.Address == other.Address && r.Port == other.Port &&
		r.Weights == other.Weights && r.EnableTagOverride == other.EnableTagOverride &&
		maps.Equal(r.TaggedAddresses, other.TaggedAddresses) && slices.Equal(r.Tags, other.Tags) &&
		r.Meta.Equal(other.Meta) && r.Checks.equal(other.Checks)
}

// lean returns the same, pointing to whatever is equal in others.
func (c Checks) lean(other Checks) Checks {
	lean := Checks{own: c.own, status: c.status}
	for _, check := range c.others {
		if check.Status == api.HealthPassing {
			check.Status, check.Output = api.HealthPassing, "" // nobody reads it
		}
		if c.own == nil && other.isOwn(check.ID) && check.Output == "" && check.alike(other.shownOwn()) {
			lean.own, lean.status = other.own, check.Status
			continue
		}
		if i, known := other.find(check.ID); known {
			o := other.others[i]
			check = Check{
				ID:     o.ID,
				Name:   point(check.Name, o.Name),
				Notes:  point(check.Notes, o.Notes),
				Type:   point(check.Type, o.Type),
				Status: point(check.Status, o.Status),
				Output: point(check.Output, o.Output),
			}
		}
		lean.others = append(lean.others, check)
	}
	if lean.own.Equal(other.own) {
		lean.own = other.own
	}
	if slices.Equal(lean.others, other.others) {
		lean.others = other.others
	}
	return lean
}

// point returns the second of two texts if they are equal, else the first.
func point[T ~string](have, other T) T {
	if have == other {
		return other
	}
	return have
}
