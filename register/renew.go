package register

import (
	"net/netip"
	"strings"
)

// Renew makes desired what is kept and registered with another token than the one in
// force, just as the agent holds it. Once the other token is revoked the servers take
// nothing of such a service any more: no status of its check, and not the service itself
// should they lose it.
func (m Mapping) Renew(desired Desired, actual Actual, node Node) {
	for id, have := range actual.Ours {
		_, wanted := desired.Want[id]
		_, kept := desired.Keep[have.Key()]
		if wanted || !kept || m.Token == "" || have.Meta.Of(MetaToken) == m.Token {
			continue
		}
		if again, same := m.again(have, node); same {
			desired.Want[id] = again
		}
	}
}

// again returns what would be registered the same with the token in force, and false if
// that cannot be told: the agent does not show what a check does, but for its notes.
func (m Mapping) again(have *Registered, node Node) (Registration, bool) {
	r := Registration{
		ID:              have.ID,
		Name:            have.Name,
		Address:         have.Address,
		TaggedAddresses: have.TaggedAddresses,
		Port:            have.Port,
		Tags:            have.Tags,
		Meta:            have.Meta.Without(MetaNonce).With(MetaToken, m.Token),
		Weights:         &have.Weights,
	}
	for _, kind := range []string{"grpc", "http"} {
		if _, there := have.Checks.Of(checkID(have.ID, kind)); there {
			return r, false
		}
	}
	if check, there := have.Checks.Of(checkID(have.ID, "tcp")); there {
		r.Check = m.Health.TCP(string(have.ID), netip.AddrPortFrom(node.Address, uint16(have.Port)))
		if notes, _, _ := strings.Cut(check.Notes, " ("); notes != r.Check.Notes() {
			return r, false
		}
	}
	r = r.noted("token " + m.Token)
	return r, r.stamp() == nil
}
