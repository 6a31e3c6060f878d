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

// sightings says what an answer proves: nothing if it comes from no leader, if ACLs have
// hidden something of it, or if this node itself is not in it.
func sightings(entries []*api.ServiceEntry, meta *api.QueryMeta, token bool, self string) ([]spread.Sighting, error) {
	switch {
	case meta.LastIndex == 0 || !meta.KnownLeader:
		return nil, errNoLeader
	case meta.ResultsFilteredByACLs, !token && meta.DefaultACLPolicy != "allow":
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
