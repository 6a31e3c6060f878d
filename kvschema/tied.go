package kvschema

import "slices"

// Freed returns the things that a key claimed and does not claim any more, or not with
// the same meaning: another key may have them now. A nil reading is a key that is not
// there.
func Freed(was, now *Reading) []Claim {
	if was == nil || was == now {
		return nil
	}
	var still, freed []Claim
	if now != nil {
		still = now.means()
	}
	for _, claim := range was.means() {
		if !slices.Contains(still, claim) {
			freed = append(freed, claim.Thing())
		}
	}
	return freed
}

// Claimants returns the readings that claim any of some things.
func Claimants(readings []*Reading, things []Claim) []*Reading {
	if len(things) == 0 {
		return nil
	}
	var all []*Reading
	for _, r := range readings {
		if r.claimsAny(things) {
			all = append(all, r)
		}
	}
	return all
}

// Tied returns the readings of some keys, and of all keys that are tied to them by claims,
// be it by way of others. Things are what else ties: what the keys claimed before.
func Tied(readings []*Reading, keys map[string]bool, things []Claim) []*Reading {
	var tied []*Reading
	for {
		for _, r := range readings {
			if keys[r.Key] {
				things = append(things, r.Claims()...)
			}
		}
		tied = tied[:0]
		grown := false
		for _, r := range readings {
			switch {
			case keys[r.Key]:
			case r.claimsAny(things):
				keys[r.Key], grown = true, true
			default:
				continue
			}
			tied = append(tied, r)
		}
		if !grown {
			return tied
		}
	}
}
