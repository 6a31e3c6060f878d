package register

import (
	"fmt"

	"github.com/k8s-registrar/k8s-registrar/kvschema"
)

// holder is the key that has what it claims.
type holder struct {
	kvschema.Ref
	// as is what the key means by it, see [kvschema.Claim].
	as string
	// unreadable tells that it is not known what the key holds.
	unreadable bool
}

// conflict is what becomes of another key with the same claim.
func (h holder) conflict(claim kvschema.Claim, other kvschema.Ref) error {
	older := "older"
	if h.CreateIndex == other.CreateIndex { // they were written at once
		older = "as old and first in order"
	}
	if h.unreadable {
		return fmt.Errorf("the %s may belong to %s, which is %s and cannot be read: what is registered stays until that is mended", claim, h.Key, older)
	}
	if claim.As != "" {
		return fmt.Errorf("the %s is defined otherwise by %s, which is %s, and Traefik would drop both: give it another name, or define it alike", claim, h.Key, older)
	}
	return fmt.Errorf("the %s belongs to %s, which is %s: rename one of the two Services", claim, h.Key, older)
}

// holders says who has what is claimed.
type holders map[kvschema.Claim]holder

// holdersOf gives each claim to the oldest of the keys that make it, whether that one is
// announced or not: a decision that two keys alone decide can be understood.
//
// A key that cannot be read makes the claims that can be read of it nonetheless, and no
// others, whatever was read of it before: whoever could read it before it turned bad,
// and whoever could not, must decide alike. Since nobody knows what it holds, all that is
// registered under its claims stays as it is. What is only remembered of such keys decides
// between them and nobody else: of two that had one name the younger was not announced,
// and is not when both can be read no more.
func holdersOf(tree kvschema.Tree) holders {
	all := holders{}
	unreadable := make(map[string]bool, len(tree.Problems))
	for _, p := range tree.Problems {
		unreadable[p.Key] = true
		for _, claim := range p.Claims {
			all.claim(claim, holder{Ref: p.Ref, unreadable: true})
		}
	}
	remembered := holders{}
	for _, s := range tree.Services {
		among := all
		if unreadable[s.Key] {
			among = remembered
		}
		for port := range s.Ports {
			for _, claim := range s.ClaimsOf(port) {
				among.claim(claim, holder{Ref: s.Ref, as: claim.As, unreadable: unreadable[s.Key]})
			}
		}
	}
	for claim, holder := range remembered {
		if _, taken := all[claim]; !taken {
			all[claim] = holder
		}
	}
	return all
}

func (h holders) claim(claim kvschema.Claim, claimant holder) {
	current, taken := h[claim.Thing()]
	if !taken || kvschema.Older(claimant.Ref, current.Ref) < 0 {
		h[claim.Thing()] = claimant
	}
}

// lost returns the first claim of a Service's port that another key holds.
func (h holders) lost(s kvschema.Service, port int) (kvschema.Claim, holder, bool) {
	for _, claim := range s.ClaimsOf(port) {
		holder, taken := h[claim.Thing()]
		alike := claim.As != "" && claim.As == holder.as
		if taken && holder.Key != s.Key && !alike {
			return claim, holder, true
		}
	}
	return kvschema.Claim{}, holder{}, false
}
