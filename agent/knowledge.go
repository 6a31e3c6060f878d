package agent

import (
	"errors"
	"slices"

	"github.com/k8s-registrar/k8s-registrar/kvschema"
)

// Snapshot is one complete state of the tree that is known to be true.
type Snapshot struct {
	// Index is the X-Consul-Index of the answer, never 0.
	Index uint64
	// Pairs are all keys below the prefix, sorted.
	Pairs []kvschema.Pair
	// Epoch counts how often the servers went back in time since we watch them, see
	// [Belief].
	Epoch int
}

// answer is what one recursive read of the tree said, with everything that decides
// what it proves.
type answer struct {
	err   error
	pairs []kvschema.Pair
	index uint64
	// leader is X-Consul-KnownLeader.
	leader bool
	// filtered is X-Consul-Results-Filtered-By-ACLs.
	filtered bool
	// trusted tells that filtering would have been reported: there was a token, or
	// ACLs allow by default. Consul does not tell an anonymous reader.
	trusted bool
	// consistent tells that the leader was asked, and asked its followers.
	consistent bool
	// abandoned tells that the server had let go of the blocking query before: it
	// stops, or a snapshot was restored under it.
	abandoned bool
	// probe is the answer for the single key at the root, which unlike a list is
	// refused when it may not be read.
	probe probe
}

// probe is what a read of a single key proved about our permission.
type probe int

const (
	notProbed probe = iota
	readable
	forbidden
)

// A verdict is what an answer proves.
type verdict interface{ isVerdict() }

type (
	// known: the answer is knowledge, and this is it.
	known struct{ snapshot Snapshot }
	// unproven: it would be knowledge if a consistent read and a permission probe
	// said the same.
	unproven struct{ why string }
	// doubtful: it is not knowledge. What was known before stays in force.
	doubtful struct{ why error }
)

func (known) isVerdict()    {}
func (unproven) isVerdict() {}
func (doubtful) isVerdict() {}

// Reasons why an answer is not knowledge. They name the metric's label and tell
// what to do.
var (
	errNotKV     = errors.New("the answer carries no X-Consul-Index: is there a proxy between us and Consul?")
	errNoLeader  = errors.New("the Consul servers have no leader")
	errFiltered  = errors.New("ACLs hide a part of the tree: grant key_prefix list (or read) on all of it")
	errForbidden = errors.New("the token may not read the tree, which looks the same as an empty tree: grant key_prefix list (or read)")
)

// judge says what an answer proves, given what was known before (nil for nothing).
//
//	answer                                         verdict
//	error, no index, no leader, filtered           doubtful
//	anonymous and ACLs deny by default, no probe   unproven; doubtful if the probe fails
//	first knowledge, not consistent                unproven
//	empty, not probed or not consistent            unproven; doubtful if the probe fails
//	index went back, not consistent                unproven
//	keys are missing and the index did not rise,   known, of another epoch
//	or the server let go of the query before
//	anything else                                  known
func judge(before *Snapshot, a answer) verdict {
	switch {
	case a.err != nil:
		return doubtful{a.err}
	case a.index == 0:
		return doubtful{errNotKV}
	case !a.leader:
		return doubtful{errNoLeader}
	case a.filtered:
		return doubtful{errFiltered}
	case a.probe == forbidden:
		return doubtful{errForbidden}
	}
	if why := doubts(before, a); why != "" {
		return unproven{why}
	}
	fresh := Snapshot{Index: a.index, Pairs: a.pairs}
	if before != nil {
		fresh.Epoch = before.Epoch
		if wentBack(*before, fresh, a.abandoned) {
			fresh.Epoch++
		}
	}
	return known{fresh}
}

// doubts says why an answer needs to be confirmed, or nothing.
func doubts(before *Snapshot, a answer) string {
	switch {
	case !a.trusted && a.probe == notProbed:
		return "an anonymous reader is not told what ACLs hide"
	case len(a.pairs) == 0 && (a.probe == notProbed || !a.consistent):
		return "an empty tree looks the same as a forbidden one"
	case a.consistent:
		return ""
	case before == nil:
		return "a lagging server may answer with an older tree"
	case a.index < before.Index:
		return "the index went back"
	}
	return ""
}

// wentBack tells whether the servers lost their memory between two snapshots: a
// deletion always raises the index, so keys that are missing at an index that did
// not rise mean restored or lost data. The index also goes back when old tombstones
// are reaped, but then no key is missing.
//
// A write right after a restore raises the index above what we knew. Then a key that
// was changed less recently than we knew gives the restore away, and a query that the
// server let go of makes it likely enough.
func wentBack(before, fresh Snapshot, abandoned bool) bool {
	if len(missing(before.Pairs, fresh.Pairs)) == 0 {
		return false
	}
	return abandoned || fresh.Index <= before.Index || anyOlder(before.Pairs, fresh.Pairs)
}

// anyOlder tells whether a key has gone back to an earlier state. Both are sorted.
func anyOlder(before, fresh []kvschema.Pair) bool {
	for _, pair := range before {
		i, found := slices.BinarySearchFunc(fresh, pair, byKey)
		if found && fresh[i].ModifyIndex < pair.ModifyIndex {
			return true
		}
	}
	return false
}

// missing returns the pairs of before whose keys are not in after. Both are sorted.
func missing(before, after []kvschema.Pair) []kvschema.Pair {
	var lost []kvschema.Pair
	for _, pair := range before {
		if _, found := slices.BinarySearchFunc(after, pair, byKey); !found {
			lost = append(lost, pair)
		}
	}
	return lost
}

// reason is the bounded name of a doubt, for a metric's label.
func reason(err error) string {
	switch {
	case errors.Is(err, errFiltered), errors.Is(err, errForbidden):
		return "acl"
	case errors.Is(err, errNoLeader):
		return "no_leader"
	case errors.Is(err, errNotKV):
		return "not_kv"
	default:
		return classify(err).String()
	}
}
