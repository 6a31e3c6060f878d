package agent

import (
	"errors"
	"strings"

	"github.com/hashicorp/consul/api"

	"github.com/k8s-registrar/k8s-registrar/register"
	"github.com/k8s-registrar/k8s-registrar/register/spread"
)

var (
	errDaemonsHidden = errors.New("who takes part is not known: ACLs hide daemons: grant service read on telemetry.announce, and node read on all nodes")
	errStranger      = errors.New("who takes part is not known: the catalog does not have this daemon itself under the name in telemetry.announce")
)

// daemons are those of all nodes, in an answer of Consul.
type daemons struct {
	entries []*api.ServiceEntry
	meta    *api.QueryMeta
}

// proven tells whether the answer of the servers is all of the truth: not if it comes from
// no leader, or ACLs may have hidden something of it.
func (d daemons) proven(token bool) error {
	switch {
	case d.meta.LastIndex == 0 || !d.meta.KnownLeader:
		return errNoLeader
	case !token && d.meta.DefaultACLPolicy != "allow":
		return errDaemonsHidden
	}
	return nil
}

// sightings says what an answer tells of the nodes. It tells nothing if this node itself is
// not in it.
func sightings(entries []*api.ServiceEntry, meta *api.QueryMeta, self string) ([]spread.Sighting, error) {
	if meta.ResultsFilteredByACLs {
		return nil, errDaemonsHidden
	}
	var seen []spread.Sighting
	known := self == ""
	for _, entry := range entries {
		s := spread.Sighting{Member: spread.Member{Name: entry.Node.Node, Meta: entry.Node.Meta}, State: stateOf(entry)}
		if s.Name == self {
			known = true
			if s.State == spread.Silent {
				s.State = spread.Live // nobody knows better
			}
		}
		seen = append(seen, s)
	}
	if !known {
		return nil, errStranger
	}
	return seen, nil
}

// stateOf says what the checks of a daemon and of its node mean. A check of the node that is
// not passing takes everything on it out. Whoever has taken it out on purpose is believed
// before all.
func stateOf(entry *api.ServiceEntry) spread.State {
	draining := entry.Service.Meta[register.MetaDraining] != ""
	state := spread.Live
	for _, check := range entry.Checks {
		ofNode := check.ServiceID == ""
		switch {
		case check.CheckID == api.NodeMaint, strings.HasPrefix(check.CheckID, api.ServiceMaintPrefix):
			draining = true
		case check.Status == api.HealthPassing, !ofNode && check.Status == api.HealthWarning:
		case ofNode:
			state = spread.Gone
		case state == spread.Live:
			state = spread.Silent
		}
	}
	if draining {
		return spread.Draining
	}
	return state
}
