package register

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/hashicorp/consul/api"

	"github.com/k8s-registrar/k8s-registrar/health"
	"github.com/k8s-registrar/k8s-registrar/kvschema"
)

// maxMetaValue is the longest value of a meta key that Consul takes, in bytes.
const maxMetaValue = 512

// Mapping turns services into registrations.
type Mapping struct {
	Owner  Owner
	Health health.Settings
	// Token names the ACL token that services are registered with, without telling
	// it; empty without one. Consul stores the token with each service, so another
	// token is a difference.
	Token string
	// Copies is how many nodes announce a Service that does not say it; 0 for all of them,
	// whatever any Service says.
	Copies int

	before Desired // see Recalling
}

// Recalling returns the same mapping. What is desired as it was before takes no more memory
// when it is mapped again.
func (m Mapping) Recalling(before Desired) Mapping {
	m.before = before
	return m
}

// Desired maps a tree to what the node should announce, and names what cannot be
// announced, or not as somebody may have meant it. The result depends on its arguments
// only, and what readers outside see of it (name, port, tags) on the tree only: it is the
// same on every node that announces it.
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
		part := m.announce(*service, node, holders)
		problems = append(problems, part.problems(*service)...)
		switch {
		case ousted[service.Key]:
			continue
		case part.keep:
			desired.Keep[service.Key] = struct{}{}
		case len(part.failed) == 0:
			delete(desired.Keep, service.Key)
		}
		for _, registration := range part.wanted {
			lean := registration.lean(m.before)
			desired.Want[lean.ID] = lean
		}
	}
	return desired, problems
}

// part is what becomes of one Service.
type part struct {
	wanted []Registration
	// failed says why ports cannot be announced, and keep whether what is registered
	// for them stays.
	failed []error
	keep   bool
}

func (p part) problems(s kvschema.Service) []kvschema.Problem {
	var all []kvschema.Problem
	for _, err := range p.failed {
		all = append(all, kvschema.Problem{Ref: s.Ref, Err: err, Claims: s.Claims()})
	}
	for _, text := range s.Warnings {
		all = append(all, kvschema.Problem{Ref: s.Ref, Err: errors.New(text), Claims: s.Claims(), Warning: true})
	}
	return all
}

// announce maps the ports of a Service. Which of its claims it holds is the same on every
// node, whether the node announces it or not.
func (m Mapping) announce(s kvschema.Service, node Node, holders holders) part {
	var p part
	if len(s.Nodes) > 0 && node.Meta == nil {
		err := errors.New("the node's meta is not known, so neither is whether the Service is for it: grant agent read")
		return part{failed: []error{err}, keep: true}
	}
	for port := range s.Ports {
		if claim, holder, lost := holders.lost(s, port); lost {
			p.failed = append(p.failed, holder.conflict(claim, s.Ref))
			p.keep = p.keep || holder.unreadable || claim.As != ""
			continue
		}
		if !s.Nodes.Matches(node.Meta) {
			continue
		}
		registration, err := m.registration(s, port, node)
		if err != nil {
			p.failed = append(p.failed, err)
			p.keep = true
			continue
		}
		p.wanted = append(p.wanted, registration)
	}
	return p
}

func (m Mapping) registration(s kvschema.Service, port int, node Node) (r Registration, err error) {
	r = Registration{
		ID:      m.Owner.ID(s.Ref, s.Ports[port]),
		Name:    s.NameOf(port),
		Port:    int(s.Ports[port].NodePort),
		Tags:    s.TagsOf(port),
		Meta:    m.Owner.meta(s),
		Weights: weightsOf(s),
		Copies:  m.CopiesOf(s),
		Nodes:   s.Nodes,
	}
	for key, value := range r.Meta.All() {
		if size := len(value); size > maxMetaValue {
			return r, fmt.Errorf("meta %s would have %d bytes: Consul takes %d, so use a shorter key", key, size, maxMetaValue)
		}
	}
	if r.Address, r.TaggedAddresses, err = addresses(s, port, node); err != nil {
		return r, err
	}
	if r.Check, err = m.check(r.ID, s, port, node); err != nil {
		return r, err
	}
	if m.Token != "" {
		r.Meta = r.Meta.With(MetaToken, m.Token)
		r = r.noted("token " + m.Token)
	}
	return r, r.stamp()
}

// CopiesOf returns how many nodes announce a Service; 0 for all.
func (m Mapping) CopiesOf(s kvschema.Service) int {
	if m.Copies == 0 || s.Copies == nil {
		return m.Copies
	}
	return *s.Copies
}

// weightsOf returns nil for those that Consul takes without any.
func weightsOf(s kvschema.Service) *api.AgentWeights {
	if s.Weights == (kvschema.Weights{}) {
		return nil
	}
	return &api.AgentWeights{Passing: s.Weights.Passing, Warning: s.Weights.Warning}
}

// addresses returns where a port is announced. Readers that find no address take the
// node's; those that ask Consul's DNS for one family take the tagged one of it.
func addresses(s kvschema.Service, port int, node Node) (address string, tagged map[string]api.ServiceAddress, err error) {
	other := s.DualStack && s.Families.LeaveOut(node.Address)
	switch {
	case s.Address == "node" || s.Address == "" && other:
		ip, err := node.address(s.Families)
		if err != nil {
			return "", nil, err
		}
		address = ip.String()
	case s.Address != "":
		return s.Address, nil, nil // whose it is nobody knows
	}
	if !s.DualStack || s.Families != (kvschema.Families{IPv4: true, IPv6: true}) {
		return address, nil, nil
	}
	tagged = map[string]api.ServiceAddress{}
	for tag, ip := range map[string]netip.Addr{"lan_ipv4": node.IPv4, "lan_ipv6": node.IPv6} {
		if ip.IsValid() {
			tagged[tag] = api.ServiceAddress{Address: ip.String(), Port: int(s.Ports[port].NodePort)}
		}
	}
	return address, tagged, nil
}
