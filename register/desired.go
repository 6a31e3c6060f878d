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
}

// Desired maps a tree to what the node should announce, and names what cannot be
// announced. The result depends on its arguments only, and what readers outside
// see of it (name, port, tags) on the tree only: it is the same on every node.
func (m Mapping) Desired(tree kvschema.Tree, node Node) (Desired, []kvschema.Problem) {
	desired := Desired{Want: map[ID]Registration{}, Keep: map[string]struct{}{}}
	problems := slices.Clone(tree.Problems)
	holders := nameHolders(tree)
	for _, p := range tree.Problems {
		if holders[p.Name] == p.Ref {
			desired.Keep[p.Key] = struct{}{}
		}
	}
	for _, service := range tree.Services {
		if holder := holders[service.Name]; holder != service.Ref {
			err := fmt.Errorf("the name %q belongs to %s, which is older: rename one of the two Services", service.Name, holder.Key)
			problems = append(problems, kvschema.Problem{Ref: service.Ref, Err: err})
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

// nameHolders says who may use a name: of all keys that claim it the oldest. A key
// that cannot be read claims its name too: whoever could read it before it turned
// bad, and whoever could not, must decide alike.
func nameHolders(tree kvschema.Tree) map[string]kvschema.Ref {
	holders := map[string]kvschema.Ref{}
	claim := func(ref kvschema.Ref) {
		holder, taken := holders[ref.Name]
		if !taken || kvschema.Older(ref, holder) < 0 {
			holders[ref.Name] = ref
		}
	}
	for _, s := range tree.Services {
		claim(s.Ref)
	}
	for _, p := range tree.Problems {
		claim(p.Ref)
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
		r.Check = m.Health.TCP(string(r.ID)+".tcp", target)
	}
	return r, r.stamp()
}
