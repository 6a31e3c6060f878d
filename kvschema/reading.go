package kvschema

import (
	"cmp"
	"hash/maphash"
	"slices"

	"github.com/k8s-registrar/k8s-registrar/kvschema/traefik"
)

// Reading is what is known of one key: its place, its age, and what its value said.
// It is never changed: two pointers to one Reading mean that nothing happened.
type Reading struct {
	*Ref // that of the service, where there is one
	// ModifyIndex is the raft index of the last change of the key.
	ModifyIndex uint64

	sum     uint64   // of the value
	service *Service // nil for one that asks for nothing, or could never be read
	problem *Problem // nil for one that can be read
}

// Service returns the Service that the key asks for, and false if it asks for none. If
// the value cannot be read it is the last one that could.
func (r *Reading) Service() (Service, bool) {
	if r.service == nil {
		return Service{}, false
	}
	return *r.service, true
}

// Err says why the value cannot be read, nil if it can.
func (r *Reading) Err() error {
	if r.problem == nil {
		return nil
	}
	return r.problem.Err
}

// Claims returns every thing that the key claims, both by what could be read of its value
// and by the Service that it asked for before it turned bad. Keys that share no claim, not
// even by way of others, have nothing to do with each other.
func (r *Reading) Claims() []Claim {
	var claims []Claim
	if r.problem != nil {
		claims = append(claims, r.problem.Claims...)
	}
	if r.service != nil {
		claims = append(claims, r.service.Claims()...)
	}
	return claims
}

// claimsAny tells whether any of some things is among Claims. It makes none of them: whenever
// one key changes, all are asked.
func (r *Reading) claimsAny(things []Claim) bool {
	return slices.ContainsFunc(things, func(thing Claim) bool {
		return r.problem != nil && slices.Contains(r.problem.Claims, thing) || r.service != nil && r.service.claims(thing)
	})
}

// means returns the claims of the value alone, with what it means by them.
func (r *Reading) means() []Claim {
	switch {
	case r.problem != nil:
		return r.problem.Claims
	case r.service == nil:
		return nil
	}
	var claims []Claim
	for port := range r.service.Ports {
		claims = append(claims, r.service.ClaimsOf(port)...)
	}
	return claims
}

// ByKey orders readings.
func ByKey(a, b *Reading) int { return cmp.Compare(a.Key, b.Key) }

// Reader reads the pairs of one tree by one set of rules. It remembers nothing: what it needs to know of the
// past is in the reading before.
type Reader struct {
	prefix string
	rules  Rules
	site   traefik.Site
	seed   maphash.Seed
}

// NewReader returns a Reader of the tree below the prefix, see [Prefix].
func NewReader(prefix string, rules Rules) Reader {
	return Reader{prefix: prefix, rules: rules, seed: maphash.MakeSeed()}
}

// For returns a Reader that makes the tags for a site's Traefiks. Without it they are what
// the annotations say, for Traefik 1.7.
func (r Reader) For(site traefik.Site) Reader {
	r.site = site
	return r
}

// Prefix is that of the keys of the tree.
func (r Reader) Prefix() string { return r.prefix }

// Stands tells whether a key stands for a Service.
func (r Reader) Stands(key string) bool {
	_, ours := RefOf(r.prefix, Pair{Key: key})
	return ours
}

// Read returns what a pair says, given the reading of the same key before (nil for
// none), and false if the pair is not a Service's: a folder, a key at another depth or
// of another tree. A value that did not change is not decoded again, and the reading is
// then the one before. One that turns bad keeps the service of the reading before, so
// that it is a problem and not a deletion. What of a Service is as it was before is in memory
// once.
//
// The index alone would not tell whether a value changed: servers that lost their data
// count from 1 again, and so may meet an old index with another value.
func (r Reader) Read(pair Pair, before *Reading) (*Reading, bool) {
	ref, ours := RefOf(r.prefix, pair)
	if !ours {
		return nil, false
	}
	if before == nil {
		before = &Reading{Ref: &Ref{}}
	}
	sum := maphash.Bytes(r.seed, pair.Value)
	if *before.Ref == ref {
		if before.ModifyIndex == pair.ModifyIndex && before.sum == sum {
			return before, true
		}
		ref = *before.Ref // the same texts are kept once
	}
	now := &Reading{Ref: &ref, ModifyIndex: pair.ModifyIndex, sum: sum}
	service, claims, err := decode(r.rules, r.site, ref, pair.Value)
	if err != nil {
		now.problem = &Problem{Ref: ref, Err: err, Claims: claims}
	}
	switch {
	case service != nil:
		service.lean(before.service)
	case err != nil && before.service != nil:
		lastGood := *before.service
		lastGood.Ref = ref
		service = &lastGood
	}
	if service != nil {
		now.Ref, now.service = &service.Ref, service
	}
	return now, true
}

// Compose returns what readings ask for together. Their order does not matter.
func Compose(readings []*Reading) Tree {
	if !slices.IsSortedFunc(readings, ByKey) {
		readings = slices.SortedFunc(slices.Values(readings), ByKey)
	}
	var tree Tree
	for _, r := range readings {
		if r.service != nil {
			tree.Services = append(tree.Services, r.service)
		}
		if r.problem != nil {
			tree.Problems = append(tree.Problems, *r.problem)
		}
	}
	return tree
}
