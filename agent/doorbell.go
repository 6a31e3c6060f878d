package agent

import (
	"context"
	"time"
)

// doorbell waits for one prefix of the tree to change. It does nothing but wait: the
// watch says what to wait for, hears what came, and says again. So a bell asks for what
// comes after the newest that was read, and nothing is missed in between.
//
// It asks for names, since Consul also answers when its time is up and nothing has changed:
// with values each node would read the tree once a minute. Where they are so few that this is
// no matter, they come with the ring.
type doorbell struct {
	place
	orders chan order

	// The rest is the watch's.

	// index is the newest that was read.
	index uint64
	// read is when that was asked for: what the bell heard before says nothing new.
	read time.Time
	// next is when the prefix may be read again.
	next time.Time
}

// place is where a bell hangs.
type place struct {
	prefix string
	// folder tells that what counts is the list of names, see [cover].
	folder bool
	// valued tells that all values come with the ring.
	valued bool
}

// order is what to wait for.
type order struct {
	// index is to be passed; 0 asks what it is, without waiting.
	index uint64
	// notBefore is when to begin.
	notBefore time.Time
}

// ring is what a doorbell heard.
type ring struct {
	bell  *doorbell
	asked uint64
	got   uint64
	names []string
	// values are those of a place that is valued, else nil.
	values *values
	// early tells that the answer came before its time was up.
	early bool
	// at is when it came.
	at  time.Time
	err error
}

func newDoorbell(p place) *doorbell { return &doorbell{place: p, orders: make(chan order, 1)} }

// tell lets a bell know what was read of its prefix.
func (d *draft) tell(bell *doorbell, pace time.Duration) {
	began, read := d.began[bell.prefix]
	switch {
	case bell.folder && !d.surveyed.IsZero():
		bell.index, bell.read = 0, d.surveyed // it is not known, and may have gone back
	case !bell.folder && read:
		if len(within(d.next.Readings, bell.prefix)) == 0 {
			pace = quietPace
		}
		bell.index, bell.read, bell.next = d.index(bell.prefix), began, began.Add(pace)
	}
}

// run waits until the context ends or the bell is taken down.
func (b *doorbell) run(ctx context.Context, t tree, wait time.Duration, rings chan<- ring) {
	for o := range receive(ctx, b.orders) {
		sleep(ctx, time.Until(o.notBefore))
		start := time.Now()
		r := b.wait(ctx, t, past(o.index, wait))
		if r.err == nil && r.got == 0 {
			r.err = errNotKV
		}
		r.bell, r.asked, r.at = b, o.index, time.Now()
		r.early = r.at.Sub(start) < wait
		select {
		case rings <- r:
		case <-ctx.Done():
			return
		}
	}
}

// wait waits once.
func (b *doorbell) wait(ctx context.Context, t tree, options queryOptions) (r ring) {
	if !b.valued {
		r.names, r.got, r.err = t.ask(ctx, b.prefix, options)
		return r
	}
	var read values
	read, r.err = t.read(ctx, b.prefix, options)
	r.values, r.got = &read, read.index
	return r
}

// takeDown ends the bell once its query is over. The query itself is left alone: a
// cancelled one would keep its slot at the agent, of 200 for the whole node, until its
// time is up, and the bell would only look as if it were gone.
func (b *doorbell) takeDown() { close(b.orders) }

// receive yields what comes from a channel until it is closed or the context ends.
func receive[T any](ctx context.Context, c <-chan T) func(yield func(T) bool) {
	return func(yield func(T) bool) {
		for {
			select {
			case <-ctx.Done():
				return
			case value, open := <-c:
				if !open || !yield(value) {
					return
				}
			}
		}
	}
}

// heard is what the return of a doorbell means.
type heard int

const (
	// silence: nothing happened while it waited.
	silence heard = iota
	// change: something below the prefix changed.
	change
	// suspicion: only a consistent read can tell what happened.
	suspicion
	// abandonment: the server let go of the query before its time.
	abandonment
)

// hear says what a ring means, given the index that is known of the prefix.
//
// An early return with the index that was asked for means that the server let go of
// the query: because it stops, or because a snapshot was restored under it. Asking
// again would then block although everything changed.
func hear(known uint64, r ring) heard {
	switch {
	case r.got < known || r.values != nil && r.values.filtered:
		return suspicion
	case r.got > known:
		return change
	case r.asked == r.got && r.early:
		return abandonment
	default:
		return silence
	}
}
