package agent

import (
	"slices"
	"strings"
	"time"

	"github.com/k8s-registrar/k8s-registrar/kvschema"
)

// Snapshot is one complete state of the tree that is known to be true. It is put
// together from answers for parts of the tree: what they say of a value is the newest
// that was seen, and a key is only missing if one answer for the whole tree, which is
// [answer], has proved it.
type Snapshot struct {
	// Index is the highest X-Consul-Index of the answers, never 0.
	Index uint64
	// Listed is the index of the newest answer that named every key of the tree.
	Listed uint64
	// Readings are all keys that stand for Services, sorted. Two snapshots share what
	// did not change between them, so that a comparison of pointers finds the rest.
	Readings []*kvschema.Reading
	// Epoch counts how often the servers went back in time since we watch them, see
	// [Belief].
	Epoch int
	// Led is when Consul was asked for the newest of the answers, which told that the
	// servers have a leader.
	Led time.Time

	// parts say how fresh each part of the tree is, sorted by prefix. None contains
	// another.
	parts []part
}

// part is an answer for all keys that begin with a prefix.
type part struct {
	prefix string
	index  uint64
	// few tells that it may be waited for with its values, see [values.few].
	few bool
}

// seen returns the newest index at which a key is known to have been there.
func (s Snapshot) seen(key string) uint64 {
	if i, found := partOf(s.parts, key); found {
		return max(s.Listed, s.parts[i].index)
	}
	return s.Listed
}

// partOf finds the part that a key belongs to.
func partOf(parts []part, key string) (int, bool) {
	i, exact := slices.BinarySearchFunc(parts, key, func(p part, key string) int { return strings.Compare(p.prefix, key) })
	if !exact {
		i-- // the last one before the key: of disjoint prefixes no other can be its own
	}
	return i, i >= 0 && strings.HasPrefix(key, parts[i].prefix)
}

// within returns the readings whose keys begin with a prefix.
func within(readings []*kvschema.Reading, prefix string) []*kvschema.Reading {
	from, _ := slices.BinarySearchFunc(readings, prefix, compareKey)
	rest := readings[from:]
	to := len(rest)
	if i := slices.IndexFunc(rest, func(r *kvschema.Reading) bool { return !strings.HasPrefix(r.Key, prefix) }); i >= 0 {
		to = i
	}
	return rest[:to]
}

// find returns the reading of a key, nil if there is none.
func find(readings []*kvschema.Reading, key string) *kvschema.Reading {
	i, found := slices.BinarySearchFunc(readings, key, compareKey)
	if !found {
		return nil
	}
	return readings[i]
}

func compareKey(r *kvschema.Reading, key string) int { return strings.Compare(r.Key, key) }

// missing returns the readings of before whose keys are not in after. Both are sorted.
func missing(before, after []*kvschema.Reading) []*kvschema.Reading {
	var lost []*kvschema.Reading
	for _, r := range before {
		if find(after, r.Key) == nil {
			lost = append(lost, r)
		}
	}
	return lost
}

// merge returns the readings with those of one part in the place of what was known of
// it. What the part lacks stays: that it is gone has yet to be proved.
func merge(readings, fresh []*kvschema.Reading, prefix string) []*kvschema.Reading {
	known := within(readings, prefix)
	stay := missing(known, fresh)
	if len(stay) == 0 && slices.Equal(known, fresh) {
		return readings
	}
	from, _ := slices.BinarySearchFunc(readings, prefix, compareKey)
	place := slices.SortedFunc(slices.Values(slices.Concat(fresh, stay)), kvschema.ByKey)
	return slices.Concat(readings[:from], place, readings[from+len(known):])
}

// anyOlder tells whether a key has gone back to an earlier state.
func anyOlder(before, fresh []*kvschema.Reading) bool {
	return slices.ContainsFunc(fresh, func(now *kvschema.Reading) bool {
		was := find(before, now.Key)
		return was != nil && now.ModifyIndex < was.ModifyIndex
	})
}

// same tells whether two snapshots say the same of every key. An index may move without
// any value having changed.
func (s Snapshot) same(other Snapshot) bool {
	return s.Epoch == other.Epoch && slices.Equal(s.Readings, other.Readings)
}
