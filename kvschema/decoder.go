package kvschema

import (
	"hash/maphash"
	"maps"
	"slices"
)

// Decoder reads the tree again and again. It decodes only the values that
// changed, and remembers the last good reading of each key: a value that turns
// bad is a problem, not a deletion. It is for one goroutine.
type Decoder struct {
	prefix   string
	rules    Rules
	seed     maphash.Seed
	readings map[string]reading
}

// reading is what is known of one key.
type reading struct {
	ref     Ref
	index   uint64 // ModifyIndex
	sum     uint64 // of the value
	service *Service
	claims  []Claim // of a value that cannot be read
	err     error
}

// NewDecoder returns a Decoder of the tree below the prefix, see [Prefix].
func NewDecoder(prefix string, rules Rules) *Decoder {
	return &Decoder{prefix: prefix, rules: rules, seed: maphash.MakeSeed(), readings: map[string]reading{}}
}

// Decode reads one complete state of the tree, in any order. Keys that are not
// among the pairs are forgotten.
func (d *Decoder) Decode(pairs []Pair) Tree {
	readings := make(map[string]reading, len(pairs))
	for _, pair := range pairs {
		if ref, ours := ref(d.prefix, pair); ours {
			readings[pair.Key] = d.read(ref, pair)
		}
	}
	d.readings = readings

	var tree Tree
	for _, key := range slices.Sorted(maps.Keys(readings)) {
		r := readings[key]
		if r.service != nil {
			tree.Services = append(tree.Services, *r.service)
		}
		if r.err != nil {
			tree.Problems = append(tree.Problems, Problem{Ref: r.ref, Err: r.err, Claims: r.claims})
		}
	}
	return tree
}

// read decodes a pair unless it is known. The index alone would not tell: servers
// that lost their data count from 1 again, and so may meet an old index with
// another value.
func (d *Decoder) read(ref Ref, pair Pair) reading {
	known, seen := d.readings[pair.Key]
	now := reading{ref: ref, index: pair.ModifyIndex, sum: maphash.Bytes(d.seed, pair.Value)}
	if seen && known.ref == now.ref && known.index == now.index && known.sum == now.sum {
		return known
	}
	now.service, now.claims, now.err = decode(d.rules, ref, pair.Value)
	if now.err != nil && known.service != nil {
		lastGood := *known.service
		lastGood.Ref = ref
		now.service = &lastGood
	}
	return now
}
