package agent

import (
	"math/rand/v2"
	"time"
)

const (
	// rewoundFor is how long there is no patience after the servers went back in time. By
	// then most of Consul's agents have compared themselves with them, and what differs may be
	// on its way again.
	rewoundFor = time.Minute
	// rewoundPause is the least time between two looks meanwhile, and over how long the first
	// ones of a fleet are spread. It could be less, as what was sent has arrived when Consul
	// answers; but a look costs the servers as much as six registrations or so, and there is
	// one for each 32 or more.
	rewoundPause = 2 * time.Second
	// rewoundResends is how many services are sent again at first: all that a small node may
	// have lost. With twice as many at each look that is a thousand in ten seconds, where
	// minResends takes more than a minute. The servers get them no faster than they take them,
	// as each node waits for the answers, two at a time.
	rewoundResends = 32
)

// rewind is the time after Consul's servers went back in time. A local agent does not notice,
// so what they lack of it is on no way: it is an outage until it is sent again, or until the
// agent compares itself, a minute or two later.
type rewind struct {
	// next is when to look, and ends when patience is back; both zero before the first time.
	next, ends time.Time
	// pressing tells that there is something to look at: what they hold now, or what became
	// of what was sent, or what was too much to send.
	pressing bool
}

// begin notes that the servers went back. Of one restore there are several signs, of which a
// later one does not put off what is about to be.
func (r *rewind) begin(now time.Time) {
	if !r.lasts(now) || r.on(now) {
		r.next = now.Add(rand.N(rewoundPause))
	}
	r.ends, r.pressing = now.Add(rewoundFor), true
}

// lasts tells whether the servers went back lately.
func (r *rewind) lasts(now time.Time) bool { return now.Before(r.ends) }

// on tells whether a difference that is seen now is none that passes by itself.
func (r *rewind) on(now time.Time) bool { return r.lasts(now) && !now.Before(r.next) }

// presses tells whether a look is wanted, now or soon.
func (r *rewind) presses(now time.Time) bool { return r.pressing && r.lasts(now) }

// due tells whether to look.
func (r *rewind) due(now time.Time) bool { return r.presses(now) && r.on(now) }

// soon tells that a look is about to be due, and one before that would find nothing.
func (r *rewind) soon(now time.Time) bool { return r.presses(now) && !r.on(now) }

// wait returns how long to wait for a look, if that is less than a time.
func (r *rewind) wait(now time.Time, most time.Duration) time.Duration {
	if !r.presses(now) {
		return most
	}
	return min(most, max(0, r.next.Sub(now)))
}

// looked notes a look, and whether it leaves anything for the next one. One that was made
// before the first was due does not count.
func (r *rewind) looked(now time.Time, pressing bool) {
	if r.on(now) {
		r.next, r.pressing = now.Add(rewoundPause), pressing
	}
}
