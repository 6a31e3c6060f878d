package spread

import (
	"maps"
	"slices"
	"time"

	"github.com/k8s-registrar/k8s-registrar/register"
)

// Mode is how much a node knows of the others.
type Mode int

// The modes.
const (
	// Alone shares nothing out: a node announces everything. So it is without spread, and
	// where the others were never known.
	Alone Mode = iota
	// Pending is the time until the others are known, or given up: what is announced goes
	// on, and nothing that may be the others' is added.
	Pending
	// Shared is the rest of the time.
	Shared
)

// View is what a node knows of those who take part. The zero value is [Alone].
type View struct {
	Mode Mode
	// Self is this node's name.
	Self    string
	Members Members
	// Since is when the members last changed.
	Since time.Time
}

// Share is what of all that should be announced falls to this node.
type Share struct {
	// Desired is the rest of it: without the services that others announce.
	Desired register.Desired
	// Leaving are the services that others should announce and this node still does, by
	// their KV keys.
	Leaving map[string]Leaving
}

// Leaving is a service of the tree that should be the others'.
type Leaving struct {
	// Holders are the nodes that have to hold it before it may go.
	Holders []string
	// Ports are what is desired for it.
	Ports []register.Registration
}

// Share returns this node's share. What should be the others' stays until its key is among
// the released. The desired services that it is given may be a part of all: each key is
// decided by itself.
func (v View) Share(desired register.Desired, actual register.Actual, released map[string]bool) Share {
	share := Share{Desired: desired, Leaving: map[string]Leaving{}}
	share.Desired.Elsewhere = map[string][]register.Registration{}
	if v.Mode == Alone {
		return share
	}
	share.Desired.Want = maps.Clone(desired.Want)
	held := map[string]bool{}
	for _, have := range actual.Ours {
		held[have.Key()] = true
	}
	for id, want := range desired.Want {
		key := want.Key()
		switch {
		case !v.others(want):
		case held[key] && v.Mode == Pending:
		case held[key] && !released[key]:
			leaving := share.Leaving[key]
			share.Leaving[key] = Leaving{Holders: v.Holders(want), Ports: append(leaving.Ports, want)}
		default:
			delete(share.Desired.Want, id)
			share.Desired.Elsewhere[key] = append(share.Desired.Elsewhere[key], want)
		}
	}
	return share
}

// others tells whether only others announce a service, as far as is known. Where there are
// fewer nodes than there should be copies, everybody does.
func (v View) others(want register.Registration) bool {
	switch {
	case want.Copies == 0 || v.Mode == Alone:
		return false
	case v.Mode == Pending:
		return true
	}
	return v.Members.Elsewhere(v.Self, want.Key(), want.Copies, want.Nodes)
}

// Holders returns the nodes that announce a service, nil if all do.
func (v View) Holders(want register.Registration) []string {
	if want.Copies == 0 || v.Mode != Shared {
		return nil
	}
	return v.Members.Holders(want.Key(), want.Copies, want.Nodes)
}

// Released tells whether a service that leaves may go, given on which nodes the servers have
// which of its ports passing, by their IDs.
func (l Leaving) Released(passing map[register.ID][]string) bool {
	for _, port := range l.Ports {
		for _, holder := range l.Holders {
			if !slices.Contains(passing[port.ID], holder) {
				return false
			}
		}
	}
	return len(l.Ports) > 0 && len(l.Holders) > 0
}
