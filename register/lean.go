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
	ours := make(map[ID]Registered, len(a.Ours))
	for id, have := range a.Ours {
		want, wanted := desired.Want[id]
		if !wanted {
			ours[id] = have
			continue
		}
		have.ID = want.ID
		have.Name = point(have.Name, want.Name)
		have.Address = point(have.Address, want.Address)
		if slices.Equal(have.Tags, want.Tags) {
			have.Tags = want.Tags
		}
		if maps.Equal(have.Meta, want.Meta) {
			have.Meta = want.Meta
		}
		have.Checks = leanChecks(have.Checks, want)
		ours[want.ID] = have
	}
	a.Ours = ours
	return a
}

// Lean returns the same in less memory: what is desired as it was before points to that.
func (d Desired) Lean(before Desired) Desired {
	for id, want := range d.Want {
		if was, known := before.Want[id]; known && was.Meta[MetaFingerprint] == want.Meta[MetaFingerprint] {
			was.Copies, was.Nodes = want.Copies, want.Nodes // the fingerprint is of what is sent
			d.Want[id] = was
		}
	}
	return d
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

func leanChecks(checks Checks, want Registration) Checks {
	if want.Check == nil {
		return checks
	}
	lean := make(Checks, 0, len(checks))
	for _, c := range checks {
		if c.ID == want.Check.CheckID {
			c.ID = want.Check.CheckID
			shown := shownCheck(want.Check)
			c.Name, c.Notes, c.Type = point(c.Name, shown.Name), point(c.Notes, shown.Notes), point(c.Type, shown.Type)
		}
		if c.Status == api.HealthPassing {
			c.Status, c.Output = api.HealthPassing, "" // nobody reads it
		}
		lean = append(lean, c)
	}
	return lean
}

// point returns the second of two texts if they are equal, else the first.
func point(have, want string) string {
	if have == want {
		return want
	}
	return have
}
