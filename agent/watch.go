package agent

import (
	"context"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// quietPace is the least time between two surveys, and between two reads of a prefix
// without keys: that one rings on every write of the whole datacenter, and a server that
// stops lets go of every blocking query at once.
const quietPace = time.Second

// watch turns the tree into the newest known snapshot. Doorbells wait for its parts,
// see [cover]. A part that rang is read; if a key is missing from it, all names of the
// tree are listed, since only that proves a loss; and if anything is not as it can only
// be, the whole tree is surveyed in the surest way. All but the doorbells is this one
// goroutine's.
type watch struct {
	tree     tree
	wait     time.Duration // how long a doorbell is asked to block
	fullRead time.Duration // how often to survey though nothing rang
	pace     time.Duration // between two reads of a part
	most     int           // queries that wait at the same time
	quiet    *rate.Limiter // of surveys, see quietPace
	news     news[Snapshot]
	stirs    news[struct{}] // after each of the news
	allowed  news[struct{}] // a new token is in force: what was refused may be tried now
	show     func(known *Snapshot, err error)
	voice    *voice

	known *Snapshot // nil until something is
	cover cover
	bells map[place]*doorbell // nil if the tree is only read once
	rings chan ring
	// stuck are bells whose ring could not be dealt with: they wait for better times.
	stuck []*doorbell
	// doubt tells that the next thing to do is a survey.
	doubt bool
	// abandoned tells that a bell was let go of since the last survey.
	abandoned bool
	// crowded is how many queries may wait since Consul said that there are too many;
	// 0 if it did not.
	crowded int
	waiting sync.WaitGroup
}

// run watches until the context ends. An error never ends it, and never changes what
// is known.
func (w *watch) run(ctx context.Context) error {
	defer w.waiting.Wait()
	w.bells, w.rings, w.doubt = map[place]*doorbell{}, make(chan ring), true
	waits := newRetry()
	due := time.After(0)
	for {
		var err error
		select {
		case <-ctx.Done():
			return nil
		case r := <-w.rings:
			err = w.heed(ctx, r)
		case <-w.allowed:
			if waits.reset(); w.troubled() {
				due = time.After(0)
			}
			continue
		case <-due:
			due, err = nil, w.resume(ctx)
		}
		if ctx.Err() != nil {
			return nil
		}
		switch {
		case err != nil:
			w.crowd(err)
			wait := waits.after(err)
			w.voice.failed(err, "reason", reason(err), "retry", wait)
			due = time.After(wait)
		case !w.troubled():
			w.voice.recovered()
			waits.reset()
			if due == nil {
				due = time.After(w.nextSurvey())
			}
		case due == nil:
			due = time.After(0) // one thing went well: try the rest
		}
		w.show(w.known, err)
	}
}

// troubled tells whether something is left to do that nothing will ring for.
func (w *watch) troubled() bool { return w.doubt || len(w.stuck) > 0 }

// nextSurvey is spread, so that a fleet that started together reads apart.
func (w *watch) nextSurvey() time.Duration { return w.fullRead/2 + rand.N(w.fullRead) }

// heed does what a ring asks for, and lets the bell wait again.
func (w *watch) heed(ctx context.Context, r ring) error {
	if w.bells[r.bell.place] != r.bell {
		return nil // it was taken down
	}
	if err := w.answer(ctx, r); err != nil {
		w.stuck = append(w.stuck, r.bell)
		return err
	}
	w.order(r.bell, r.bell.index)
	return nil
}

func (w *watch) answer(ctx context.Context, r ring) error {
	switch {
	case r.err != nil:
		return r.err
	case r.at.Before(r.bell.read):
		return nil // it was read since
	}
	switch hear(r.bell.index, r) {
	case silence:
		return nil
	case change:
		if r.bell.folder {
			return w.look(ctx, r)
		}
		return w.readPart(ctx, r)
	case suspicion:
		w.doubt = true
	case abandonment:
		w.doubt, w.abandoned = true, true
	}
	return w.survey(ctx)
}

// resume goes on after a failure, or makes the survey that is due. One stuck bell tries
// first: if Consul is not back, the others need not ask.
func (w *watch) resume(ctx context.Context) error {
	if !w.doubt && len(w.stuck) == 0 {
		w.doubt, w.crowded = true, 0
	}
	if w.doubt {
		if err := w.survey(ctx); err != nil {
			return err
		}
	}
	if len(w.stuck) == 0 {
		return nil
	}
	first := w.stuck[0]
	names, got, err := w.tree.ask(ctx, first.prefix, past(0, w.wait))
	if err == nil {
		err = w.answer(ctx, ring{bell: first, got: got, names: names, early: true, at: time.Now()})
	}
	if err != nil {
		return err
	}
	w.order(first, first.index)
	for _, bell := range w.stuck[1:] {
		w.order(bell, 0) // where it is now, without waiting
	}
	w.stuck = nil
	return nil
}

// readPart takes over the values of a part of the tree that changed. They are read, as of
// the ring or later, unless they came with it.
func (w *watch) readPart(ctx context.Context, r ring) error {
	d := w.draft(w.cover)
	lost, err := d.hear(ctx, r)
	if err != nil {
		return err
	}
	behind := d.index(r.bell.prefix) < r.got
	more, err := d.freshen(ctx, w.known)
	switch {
	case err != nil:
		return err
	case behind || anyOlder(changed(w.known.Readings, d.next.Readings)):
		w.doubt = true
		return w.survey(ctx)
	case lost || more:
		return w.conclude(ctx, d, answer{}, since)
	}
	w.adopt(ctx, d)
	return nil
}

// hear takes over the values of the part that rang, and tells whether it lacks a key that was
// there.
func (d *draft) hear(ctx context.Context, r ring) (lost bool, err error) {
	if r.values != nil {
		return d.take(r.bell.prefix, *r.values, r.at)
	}
	return d.read(ctx, r.bell.prefix, since(r.got))
}

// look finds out whether a folder has a name that is in no part, and makes it one.
func (w *watch) look(ctx context.Context, r ring) error {
	d := w.draft(w.cover)
	for _, name := range r.names {
		// The root's names are namespaces, those of a namespace its services.
		if (r.bell.prefix == w.tree.prefix) != strings.HasSuffix(name, "/") {
			continue
		}
		prefix, uncovered := d.cover.gap(w.tree.prefix, name)
		if !uncovered {
			continue
		}
		if d.cover.size() >= w.limit() {
			w.doubt = true // the tree is divided anew
			return w.survey(ctx)
		}
		d.add(prefix)
		if _, err := d.read(ctx, prefix, consistent()); err != nil {
			return err
		}
	}
	r.bell.index, r.bell.read, r.bell.next = r.got, r.at, r.at.Add(quietPace)
	w.adopt(ctx, d)
	return nil
}

// crowd asks with half as many queries from now on if Consul says that there are too
// many. It is tried again with all of them at the next survey that is due.
func (w *watch) crowd(err error) {
	if classify(err) == overloaded && !w.doubt {
		w.crowded, w.doubt = max(2, w.limit()/2), true
	}
}

// limit is how many queries may wait.
func (w *watch) limit() int {
	if w.crowded > 0 {
		return w.crowded
	}
	return w.most
}

// order lets a bell wait, unless it was taken down.
func (w *watch) order(bell *doorbell, index uint64) {
	if w.bells[bell.place] == bell {
		bell.orders <- order{index: index, notBefore: bell.next}
	}
}

// hang puts up the bells of the cover, takes down all others, and tells each what has
// been read. Nobody waits when the tree is only read once.
func (w *watch) hang(ctx context.Context, d *draft) {
	if w.bells == nil {
		return
	}
	wanted := w.cover.places(w.known.parts)
	for place, bell := range w.bells {
		if !wanted[place] {
			bell.takeDown()
			delete(w.bells, place)
		}
	}
	for place := range wanted {
		bell, there := w.bells[place]
		if !there {
			bell = newDoorbell(place)
			w.bells[place] = bell
			w.waiting.Go(func() { bell.run(ctx, w.tree, w.wait, w.rings) })
		}
		d.tell(bell, w.pace)
		if !there {
			w.order(bell, bell.index)
		}
	}
}
