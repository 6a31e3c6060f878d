package agent

import (
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/consul/api"
	"pgregory.net/rapid"

	"github.com/k8s-registrar/k8s-registrar/kvschema"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// keys makes readings of one-letter keys.
func keys(letters string) []*kvschema.Reading {
	var readings []*kvschema.Reading
	for _, letter := range letters {
		readings = append(readings, &kvschema.Reading{Ref: &kvschema.Ref{Key: string(letter)}})
	}
	return readings
}

func letters(readings []*kvschema.Reading) string {
	var s string
	for _, r := range readings {
		s += r.Key
	}
	return s
}

// listedAt is a snapshot of what one answer for the whole tree said.
func listedAt(index uint64, letters string) *Snapshot {
	return &Snapshot{Index: index, Listed: index, Readings: keys(letters)}
}

// plain is an answer that nothing is wrong with.
func plain(index uint64, letters string) answer {
	return answer{readings: keys(letters), origin: origin{index: index, leader: true, trusted: true}}
}

// sure is the same, from a consistent read with a probe.
func sure(index uint64, letters string) answer {
	a := plain(index, letters)
	a.consistent, a.probe = true, readable
	return a
}

func with(a answer, change func(*answer)) answer {
	change(&a)
	return a
}

// TestUnknownIsNotEmpty is invariant 1: each row is an answer that Consul gives, and
// what it proves.
func TestUnknownIsNotEmpty(t *testing.T) {
	abc, empty := listedAt(50, "abc"), listedAt(50, "")

	for _, row := range []struct {
		name   string
		before *Snapshot
		answer answer
		want   string // "known: <keys> [, other epoch]", "unproven" or "doubtful: <reason>"
	}{
		// No knowledge, whatever was known.
		{"the agent is away", abc, answer{err: errors.New("connection refused")}, "doubtful: unreachable"},
		{"forbidden", abc, answer{err: api.StatusError{Code: http.StatusForbidden}}, "doubtful: denied"},
		{"too many connections", abc, answer{err: api.StatusError{Code: http.StatusTooManyRequests}}, "doubtful: overloaded"},
		{"servers without a leader", abc, answer{err: api.StatusError{Code: http.StatusInternalServerError}}, "doubtful: failed"},
		{"a proxy's 404", abc, with(sure(0, ""), func(*answer) {}), "doubtful: not_kv"},
		{"no known leader", abc, with(sure(60, ""), func(a *answer) { a.leader = false }), "doubtful: no_leader"},
		{"token without any key rule", abc, with(sure(60, ""), func(a *answer) { a.filtered = true }), "doubtful: acl"},
		{"token for a part of the tree", abc, with(plain(60, "a"), func(a *answer) { a.filtered = true }), "doubtful: acl"},
		{"anonymous, deny, probe refused", abc, with(sure(60, ""), func(a *answer) { a.trusted, a.probe = false, forbidden }), "doubtful: acl"},
		{"anonymous, deny, a part, probe refused", abc, with(sure(60, "a"), func(a *answer) { a.trusted, a.probe = false, forbidden }), "doubtful: acl"},

		// Not yet knowledge.
		{"anonymous, deny, not probed", abc, with(plain(60, "ab"), func(a *answer) { a.trusted = false }), "unproven"},
		{"anonymous, deny, nothing known, not probed", nil, with(plain(60, "ab"), func(a *answer) { a.trusted = false }), "unproven"},
		{"first read from a follower", nil, plain(60, "abc"), "unproven"},
		{"empty, not confirmed", abc, plain(60, ""), "unproven"},
		{"empty, consistent but not probed", abc, with(sure(60, ""), func(a *answer) { a.probe = notProbed }), "unproven"},
		{"empty, probed but not consistent", abc, with(sure(60, ""), func(a *answer) { a.consistent = false }), "unproven"},
		{"index went back, from a follower", abc, plain(40, "abc"), "unproven"},

		// Knowledge.
		{"first read", nil, sure(60, "abc"), "known: abc"},
		{"first read, anonymous, deny, probe passed", nil, with(sure(60, "abc"), func(a *answer) { a.trusted = false }), "known: abc"},
		{"first read of an empty tree", nil, sure(60, ""), "known: "},
		{"a key came", abc, plain(51, "abcd"), "known: abcd"},
		{"a key went", abc, plain(51, "ab"), "known: ab"},
		{"nothing happened", abc, plain(50, "abc"), "known: abc"},
		{"the last keys went", abc, sure(51, ""), "known: "},
		{"empty stays empty", empty, sure(50, ""), "known: "},
		{"empty, index went back: tombstones were reaped", empty, sure(40, ""), "known: "},
		{"tombstones were reaped", abc, sure(40, "abc"), "known: abc"},
		{"tombstones were reaped and a key came", abc, sure(40, "abcd"), "known: abcd"},

		// The servers went back in time: what is missing proves nothing.
		{"restored from a snapshot", abc, sure(20, "a"), "known: a, other epoch"},
		{"server data lost", abc, sure(1, ""), "known: , other epoch"},
		{"emptied without the index rising", abc, sure(50, ""), "known: , other epoch"},
		{"shorter without the index rising", abc, plain(50, "ab"), "known: ab, other epoch"},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := describe(judge(row.before, row.answer)); got != row.want {
				t.Errorf("judge = %q, want %q", got, row.want)
			}
		})
	}
}

func describe(v verdict) string {
	switch v := v.(type) {
	case known:
		s := "known: " + letters(v.snapshot.Readings)
		if v.snapshot.Epoch > 0 {
			s += ", other epoch"
		}
		return s
	case unproven:
		return "unproven"
	case doubtful:
		return "doubtful: " + reason(v.why)
	default:
		return fmt.Sprintf("%T", v)
	}
}

// TestBelief is rule W9: what is missing after the servers went back in time is not
// believed to be deleted.
func TestBelief(t *testing.T) {
	at := func(minutes int) time.Time { return noon.Add(time.Duration(minutes) * time.Minute) }
	snapshot := func(epoch int, letters string) Snapshot {
		return Snapshot{Index: 1, Readings: keys(letters), Epoch: epoch}
	}
	type step struct {
		minute   int
		fresh    Snapshot
		pairs    string
		withheld string
	}
	for _, row := range []struct {
		name  string
		steps []step
	}{
		{"ordinary life", []step{
			{0, snapshot(0, "abc"), "abc", ""}, {1, snapshot(0, "ab"), "ab", ""}, {2, snapshot(0, ""), "", ""},
		}},
		{"restored", []step{
			{0, snapshot(0, "abc"), "abc", ""}, {1, snapshot(1, "a"), "abc", "bc"},
			{2, snapshot(1, "ad"), "abcd", "bc"}, // a new key meanwhile
			{3, snapshot(1, "d"), "abcd", "abc"}, // another deletion meanwhile waits too
			{4, snapshot(1, "abd"), "abcd", "c"}, // some are back
			{5, snapshot(1, "abcd"), "abcd", ""}, // all are back
			{6, snapshot(1, "abc"), "abc", ""},   // ordinary life again
		}},
		{"all lost", []step{{0, snapshot(0, "abc"), "abc", ""}, {1, snapshot(1, ""), "abc", "abc"}, {2, snapshot(1, "x"), "abcx", "abc"}}},
		{"tombstones reaped", []step{{0, snapshot(0, "abc"), "abc", ""}, {1, snapshot(1, "abc"), "abc", ""}, {2, snapshot(1, "ab"), "ab", ""}}},
		{"went back twice", []step{{0, snapshot(0, "abc"), "abc", ""}, {1, snapshot(1, "ab"), "abc", "c"}, {2, snapshot(2, "a"), "abc", "bc"}}},
	} {
		t.Run(row.name, func(t *testing.T) {
			var b Belief
			for _, s := range row.steps {
				b = b.learn(s.fresh, at(s.minute))
				if got := letters(b.Readings()); got != s.pairs {
					t.Errorf("minute %d: pairs %q, want %q", s.minute, got, s.pairs)
				}
				if got := letters(b.Withheld); got != s.withheld {
					t.Errorf("minute %d: withheld %q, want %q", s.minute, got, s.withheld)
				}
			}
		})
	}
}

// An hour of trust begins when the servers last went back, and with nothing else.
func TestBeliefSettles(t *testing.T) {
	b := Belief{}.learn(Snapshot{Readings: keys("ab")}, noon)
	b = b.learn(Snapshot{Readings: keys("a"), Epoch: 1}, noon)
	b = b.learn(Snapshot{Readings: keys("ac"), Epoch: 1}, noon.Add(30*time.Minute))
	if b.settled(noon.Add(59*time.Minute)) || !b.settled(noon.Add(time.Hour)) {
		t.Error("settled is not an hour after the servers went back")
	}
	again := b.learn(Snapshot{Readings: keys("a"), Epoch: 2}, noon.Add(50*time.Minute))
	if again.settled(noon.Add(time.Hour)) {
		t.Error("settled though the servers went back again")
	}
	if got := letters(b.trust().Readings()); got != "ac" {
		t.Errorf("trusted %q, want ac", got)
	}
}

// Whatever comes, a key is lost only through an answer that proves its deletion.
func TestNoAnswerLosesAKeyWithoutProof(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		subset := rapid.Custom(func(t *rapid.T) string {
			var s string
			for _, letter := range "abcdef" {
				if rapid.Bool().Draw(t, "has") {
					s += string(letter)
				}
			}
			return s
		})
		before := listedAt(50, subset.Draw(t, "before"))
		a := answer{
			readings: keys(subset.Draw(t, "after")),
			origin: origin{
				index:    rapid.SampledFrom([]uint64{0, 1, 49, 50, 51, 90}).Draw(t, "index"),
				leader:   rapid.Bool().Draw(t, "leader"),
				filtered: rapid.Bool().Draw(t, "filtered"),
				trusted:  rapid.Bool().Draw(t, "trusted"),
			},
			consistent: rapid.Bool().Draw(t, "consistent"),
			probe:      probe(rapid.IntRange(0, 2).Draw(t, "probe")),
		}
		v, isKnown := judge(before, a).(known)
		if !isKnown {
			return
		}
		belief := Belief{}.learn(*before, noon).learn(v.snapshot, noon)
		lost := missing(before.Readings, belief.Readings())
		proof := a.index > 50 && a.leader && !a.filtered && a.probe != forbidden &&
			(a.trusted || a.probe == readable) && (len(a.readings) > 0 || a.consistent && a.probe == readable)
		if len(lost) > 0 && !proof {
			t.Fatalf("lost %q by %+v", letters(lost), a)
		}
		if v.snapshot.Index == 0 {
			t.Fatal("a snapshot has index 0")
		}
	})
}

// TestDoorbell is fact 7 of Consul: a query that comes back before its time with the
// index it was asked for was let go, and asking again would block for ever.
func TestDoorbell(t *testing.T) {
	for _, row := range []struct {
		name              string
		known, asked, got uint64
		early             bool
		want              heard
	}{
		{"time is up", 50, 50, 50, false, silence},
		{"a change", 50, 50, 51, true, change},
		{"a change at the last moment", 50, 50, 51, false, change},
		{"let go: restore, or a server that stops", 50, 50, 50, true, abandonment},
		{"went back after waiting", 50, 50, 40, false, suspicion},
		{"went back at once", 50, 50, 40, true, suspicion},
		{"asked without waiting, nothing new", 50, 0, 50, true, silence},
		{"asked without waiting, a change", 50, 0, 51, true, change},
		{"asked without waiting, went back", 50, 0, 40, true, suspicion},
		{"read meanwhile, and that was the change", 51, 50, 51, true, silence},
		{"read meanwhile, and there is another change", 51, 50, 52, true, change},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := hear(row.known, ring{asked: row.asked, got: row.got, early: row.early}); got != row.want {
				t.Errorf("hear = %v, want %v", got, row.want)
			}
		})
	}
}

func TestMissingNeedsNoOrderOfArrival(t *testing.T) {
	if diff := cmp.Diff("bd", letters(missing(keys("abcd"), keys("ac")))); diff != "" {
		t.Error(diff)
	}
}

func TestRetryBounds(t *testing.T) {
	for _, row := range []struct {
		name     string
		err      error
		min, max time.Duration
	}{
		{"agent away: soon, services wait for its return", errors.New("refused"), 0, time.Second},
		{"429: not soon, connections are shared", api.StatusError{Code: 429}, 5 * time.Second, 45 * time.Second},
		{"503", api.StatusError{Code: 503}, 5 * time.Second, 45 * time.Second},
		{"500", api.StatusError{Code: 500}, 0, 10 * time.Second},
		{"403", api.StatusError{Code: 403}, 0, 45 * time.Second},
	} {
		t.Run(row.name, func(t *testing.T) {
			waits := newRetry()
			for range 1000 { // it never gives up
				if got := waits.after(row.err); got < row.min || got > row.max || got < 0 {
					t.Fatalf("wait = %v, want %v to %v", got, row.min, row.max)
				}
			}
		})
	}
}
