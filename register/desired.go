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
func (m Mapping) Desired(tree kvschema.Tree, node Node) (Desired, []kvschema.Problem) {
	desired := Desired{Want: map[ID]Registration{}, Keep: map[string]struct{}{}}
	problems := slices.Clone(tree.Problems)
	holders := nameHolders(tree)
	for _, p := range tree.Problems {
		if holder := holders[p.Name]; holder.unreadable {
			desired.Keep[p.Key] = struct{}{}
		}
	}
	for _, service := range tree.Services {
		if holder := holders[service.Name]; holder.Ref != service.Ref {
			problems = append(problems, kvschema.Problem{Ref: service.Ref, Err: holder.conflict(service.Name)})
			if holder.unreadable {
				desired.Keep[service.Key] = struct{}{}
			}
			continue
		}
		registration, err := m.registration(service, node)
		if err != nil {
			problems = append(problems, kvschema.Problem{Ref: service.Ref, Err: err})
			desired.Keep[service.Key] = struct{}{}
			continue
		}
		desired.Want[registration.ID] = registration
		delete(desired.Keep, service.Key)
	}
	return desired, problems
}

// holder is the key that may use a name.
type holder struct {
	kvschema.Ref
	// unreadable tells that it is not known what the key holds.
	unreadable bool
}

func (h holder) conflict(name string) error {
	if h.unreadable {
		return fmt.Errorf("the name %q may belong to %s, which is older and cannot be read: what is registered stays until that is mended", name, h.Key)
	}
	return fmt.Errorf("the name %q belongs to %s, which is older: rename one of the two Services", name, h.Key)
}

// nameHolders says who may use a name: of all keys that claim it the oldest. A key
// that cannot be read claims its name too: whoever could read it before it turned
// bad, and whoever could not, must decide alike. Since nobody knows what it holds, all
// that is registered under its name stays as it is.
func nameHolders(tree kvschema.Tree) map[string]holder {
	holders := map[string]holder{}
	claim := func(claimant holder) {
		current, taken := holders[claimant.Name]
		if !taken || kvschema.Older(claimant.Ref, current.Ref) < 0 {
			holders[claimant.Name] = claimant
		}
	}
	for _, p := range tree.Problems {
		claim(holder{Ref: p.Ref, unreadable: true})
	}
	for _, s := range tree.Services {
		claim(holder{Ref: s.Ref})
	}
	return holders
}

func (m Mapping) registration(s kvschema.Service, node Node) (Registration, error) {
	r := Registration{
		ID:   m.Owner.ID(s),
		Name: s.Name,
		Port: int(s.Port.NodePort),
		Tags: s.Tags,
		Meta: m.Owner.meta(s),
	}
	for _, name := range slices.Sorted(maps.Keys(r.Meta)) {
		if size := len(r.Meta[name]); size > maxMetaValue {
			return Registration{}, fmt.Errorf("meta %s would have %d bytes: Consul takes %d, so use a shorter key", name, size, maxMetaValue)
		}
	}
	if s.Port.Protocol == "TCP" {
		if !node.Address.IsValid() {
			return Registration{}, errors.New("the node's address is not known: no check can be made")
		}
		target := netip.AddrPortFrom(node.Address, s.Port.NodePort)
		r.Check = m.Health.TCP(checkID(r.ID, "tcp"), target)
	}
	if m.Token != "" {
		r.Meta[MetaToken] = m.Token
		r = r.noted("token " + m.Token)
	}
	return r, r.stamp()
}
