package kvschema

import (
	"fmt"
	"slices"
)

// Claim is a thing that only one key of the tree may have. Of two keys with the same
// claim the older one holds it, see [Older]. Claims are comparable.
type Claim struct {
	// Kind is what it is: "name" for the name of a service in Consul.
	Kind string
	// Name tells it from others of its kind.
	Name string
}

// String is the claim in words, such as `name "cart"`.
func (c Claim) String() string { return fmt.Sprintf("%s %q", c.Kind, c.Name) }

// ClaimsOf returns what the Service claims for one of its ports, by the port's place
// among Ports. All of it must be held for the port to be announced.
func (s Service) ClaimsOf(port int) []Claim {
	return []Claim{{Kind: "name", Name: s.NameOf(port)}}
}

// Claims returns everything that the Service claims. Keys that share no claim, not even
// by way of others, have nothing to do with each other. A Service of which only the
// beginning could be read claims at least its name.
func (s Service) Claims() []Claim {
	claims := s.ClaimsOf(0)
	for port := range s.Ports {
		for _, claim := range s.ClaimsOf(port) {
			if !slices.Contains(claims, claim) {
				claims = append(claims, claim)
			}
		}
	}
	return claims
}
