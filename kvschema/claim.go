package kvschema

import (
	"fmt"
	"slices"
)

// Claim is a thing that only one key of the tree may have, or that all who have it must
// have alike. Of two keys with the same claim the older one holds it, see [Older]. Claims
// are comparable.
type Claim struct {
	// Kind is what it is: "name" for the name of a service in Consul, or what is defined
	// for all of Traefik, such as "http router".
	Kind string
	// Name tells it from others of its kind.
	Name string
	// As is the same for all who mean the same by it, so that they may share it. Empty is
	// for one alone.
	As string
}

// String is the claim in words, such as `name "cart"`.
func (c Claim) String() string { return fmt.Sprintf("%s %q", c.Kind, c.Name) }

// Thing is what is claimed, whatever is meant by it.
func (c Claim) Thing() Claim { return Claim{Kind: c.Kind, Name: c.Name} }

// ClaimsOf returns what the Service claims for one of its ports, by the port's place
// among Ports. All of it must be held for the port to be announced.
func (s *Service) ClaimsOf(port int) []Claim {
	claims := []Claim{s.nameClaim(port)}
	if port == s.TraefikPort {
		claims = append(claims, s.Defines...)
	}
	return claims
}

// Claims returns every thing that the Service claims. Keys that share no claim, not even
// by way of others, have nothing to do with each other. A Service of which only the
// beginning could be read claims at least its name.
func (s *Service) Claims() []Claim {
	claims := []Claim{s.nameClaim(0)}
	for port := range s.Ports {
		for _, claim := range s.ClaimsOf(port) {
			if !slices.Contains(claims, claim.Thing()) {
				claims = append(claims, claim.Thing())
			}
		}
	}
	return claims
}

// claims tells whether a thing is among Claims.
func (s *Service) claims(thing Claim) bool {
	for port := range s.Ports {
		if thing == s.nameClaim(port) {
			return true
		}
	}
	return slices.ContainsFunc(s.Defines, func(c Claim) bool { return c.Thing() == thing })
}

func (s *Service) nameClaim(port int) Claim { return Claim{Kind: "name", Name: s.NameOf(port)} }
