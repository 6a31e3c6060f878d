package register

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"

	"github.com/k8s-registrar/k8s-registrar/health"
	"github.com/k8s-registrar/k8s-registrar/kvschema"
)

// maxMetaValue is the longest value of a meta key that Consul takes, in bytes.
const maxMetaValue = 512

// Node is what has to be known of this node.
type Node struct {
	// Name is the node's name in Consul.
	Name string
	// UID is Consul's own ID of the node; empty if it does not tell.
	UID string
	// Address is where the node's NodePorts are checked.
	Address netip.Addr
}

// Mapping turns services into registrations.
type Mapping struct {
	Owner  Owner
	Health health.Settings
	// Token names the ACL token that services are registered with, without telling
	// it; empty without one. Consul stores the token with each service, so another
	// token is a difference.
	Token string
}

// Desired maps a tree to what the node should announce, and names what cannot be
// announced. The result depends on its arguments only, and what readers outside
// see of it (name, port, tags) on the tree only: it is the same on every node.
//
// What becomes of a key depends on that key and on those that share a claim with it.
// Whoever knows which keys are tied by claims can map them alone, and gets the part of
// the whole that is theirs.
func (m Mapping) Desired(tree kvschema.Tree, node Node) (Desired, []kvschema.Problem) {
	desired := Desired{Want: map[ID]Registration{}, Keep: map[string]struct{}{}}
	problems := slices.Clone(tree.Problems)
	holders := holdersOf(tree)
	ousted := map[string]bool{} // keys that cannot be read, and whose claims others hold
	for _, p := range tree.Problems {
		if slices.ContainsFunc(p.Claims, func(c kvschema.Claim) bool { return holders[c].unreadable }) {
			desired.Keep[p.Key] = struct{}{}
		} else {
			ousted[p.Key] = true
		}
	}
	for _, service := range tree.Services {
		wanted, failed, keep := m.announce(service, node, holders)
		for _, err := range failed {
			problems = append(problems, kvschema.Problem{Ref: service.Ref, Err: err, Claims: service.Claims()})
		}
		switch {
		case ousted[service.Key]:
			continue
		case keep:
			desired.Keep[service.Key] = struct{}{}
		case len(failed) == 0:
			delete(desired.Keep, service.Key)
		}
		for _, registration := range wanted {
			desired.Want[registration.ID] = registration
		}
	}
	return desired, problems
}

// announce returns what the ports of a Service are announced as. Of those that cannot
// be it returns why, and whether what is registered for them is to be kept.
func (m Mapping) announce(s kvschema.Service, node Node, holders holders) (wanted []Registration, failed []error, keep bool) {
	for port := range s.Ports {
		if claim, holder, lost := holders.lost(s, port); lost {
			failed = append(failed, holder.conflict(claim))
			keep = keep || holder.unreadable
			continue
		}
		registration, err := m.registration(s, port, node)
		if err != nil {
			failed = append(failed, err)
			keep = true
			continue
		}
		wanted = append(wanted, registration)
	}
	return wanted, failed, keep
}

func (m Mapping) registration(s kvschema.Service, port int, node Node) (Registration, error) {
	announced := s.Ports[port]
	r := Registration{
		ID:   m.Owner.ID(s.Ref, announced),
		Name: s.NameOf(port),
		Port: int(announced.NodePort),
		Tags: s.TagsOf(port),
		Meta: m.Owner.meta(s),
	}
	for _, name := range slices.Sorted(maps.Keys(r.Meta)) {
		if size := len(r.Meta[name]); size > maxMetaValue {
			return Registration{}, fmt.Errorf("meta %s would have %d bytes: Consul takes %d, so use a shorter key", name, size, maxMetaValue)
		}
	}
	if announced.Protocol == "TCP" {
		if !node.Address.IsValid() {
			return Registration{}, errors.New("the node's address is not known: no check can be made")
		}
		target := netip.AddrPortFrom(node.Address, announced.NodePort)
		r.Check = m.Health.TCP(checkID(r.ID, "tcp"), target)
	}
	if m.Token != "" {
		r.Meta[MetaToken] = m.Token
		r = r.noted("token " + m.Token)
	}
	return r, r.stamp()
}
