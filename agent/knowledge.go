package agent

import (
	"errors"
	"slices"

	"github.com/k8s-registrar/k8s-registrar/kvschema"
)

// answer is what was said of the whole tree at one moment, with everything that decides
// what it proves.
type answer struct {
	err error
	origin
	// readings are the keys that are there, sorted, each as it was last seen.
	readings []*kvschema.Reading
	// consistent tells that the leader was asked, and asked its followers.
	consistent bool
	// abandoned tells that the server had let go of a blocking query before: it
	// stops, or a snapshot was restored under it.
	abandoned bool
	// probe is the answer for the single key at the root, which unlike a list is
	// refused when it may not be read.
	probe probe
	// parts say how fresh each part of the readings is.
	parts []part
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
	if a.err != nil {
		return doubtful{a.err}
	}
	if doubt := a.doubt(); doubt != nil {
		return doubtful{doubt}
	}
	if a.probe == forbidden {
		return doubtful{errForbidden}
	}
	if why := doubts(before, a); why != "" {
		return unproven{why}
	}
	fresh := Snapshot{Index: a.index, Listed: a.index, Readings: a.readings, parts: a.parts}
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
	case len(a.readings) == 0 && (a.probe == notProbed || !a.consistent):
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
// deletion always raises the index above those at which the key was there, so keys that
// are missing at one that is not above mean restored or lost data, and so do keys that
// are missing while the index fell. The index also falls when old tombstones are reaped,
// but then no key is missing.
//
// A write right after a restore raises the index above what we knew. Then a key that
// was changed less recently than we knew gives the restore away, and a query that the
// server let go of makes it likely enough.
func wentBack(before, fresh Snapshot, abandoned bool) bool {
	lost := missing(before.Readings, fresh.Readings)
	if len(lost) == 0 {
		return false
	}
	return abandoned || fresh.Index < before.Index || anyOlder(before.Readings, fresh.Readings) ||
		slices.ContainsFunc(lost, func(r *kvschema.Reading) bool { return fresh.Index <= before.seen(r.Key) })
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
