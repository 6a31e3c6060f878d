package agent

import (
	"context"
	"fmt"
	"path"
	"slices"
	"time"

	"github.com/k8s-registrar/k8s-registrar/kvschema"
)

// draft is a snapshot in the making. It is what was known, with what is read now in its
// place; nothing goes from it before [watch.conclude] has proved that it is gone.
type draft struct {
	tree  tree
	cover cover
	next  Snapshot
	// began says when the parts that were read were asked for.
	began map[string]time.Time
	// first says when the keys that have changed were first seen as they are now.
	first map[string]time.Time
	// surveyed is when a survey began; zero for anything less.
	surveyed time.Time
}

func (w *watch) draft(c cover) *draft {
	d := &draft{tree: w.tree, cover: c, began: map[string]time.Time{}, first: map[string]time.Time{}}
	if w.known != nil {
		d.next = *w.known
	}
	d.divide(c)
	return d
}

// divide says how fresh the parts of a cover are, which is as fresh as the least fresh
// of those before that they consist of.
func (d *draft) divide(c cover) {
	before := d.next.parts
	d.cover, d.next.parts = c, make([]part, 0, len(c.parts))
	for _, prefix := range c.parts {
		var p part
		if i, found := partOf(before, prefix); found {
			p = before[i]
		}
		p.prefix = prefix
		d.next.parts = append(d.next.parts, p)
	}
}

// add makes a prefix a part.
func (d *draft) add(prefix string) { d.divide(d.cover.with(prefix)) }

// index is how fresh a part is.
func (d *draft) index(prefix string) uint64 {
	i, _ := partOf(d.next.parts, prefix)
	return d.next.parts[i].index
}

// read reads a part, and tells whether it lacks a key that was there.
func (d *draft) read(ctx context.Context, prefix string, how queryOptions) (lost bool, err error) {
	began := time.Now()
	got, err := d.tree.read(ctx, prefix, how)
	if err != nil {
		return false, err
	}
	return d.take(prefix, got, began)
}

// take takes over what was read of a part, as it was at a time, and tells whether that lacks
// a key that was there.
func (d *draft) take(prefix string, got values, at time.Time) (lost bool, err error) {
	if err := got.doubt(); err != nil {
		return false, err
	}
	d.began[prefix], d.next.Led = at, at
	fresh := d.tree.decode(got, d.next.Readings)
	for _, r := range fresh {
		if find(d.next.Readings, r.Key) != r {
			d.first[r.Key] = time.Now()
		}
	}
	i, _ := partOf(d.next.parts, prefix)
	d.next.parts[i].index, d.next.parts[i].few = got.index, got.few()
	d.next.Readings = merge(d.next.Readings, fresh, prefix)
	if len(fresh) > 0 { // the index of a prefix without keys is not one of the tree
		d.next.Index = max(d.next.Index, got.index)
	}
	return len(within(d.next.Readings, prefix)) > len(fresh), nil
}

// strangers returns the parts that have to be read since a name in them is not known.
// The cover grows if need be.
func (d *draft) strangers(names []string) []string {
	var prefixes []string
	for _, name := range names {
		if !d.tree.reader.Stands(name) || find(d.next.Readings, name) != nil {
			continue
		}
		if prefix, uncovered := d.cover.gap(d.tree.prefix, name); uncovered {
			d.add(prefix)
		}
		i, _ := partOf(d.next.parts, name)
		if prefix := d.next.parts[i].prefix; !slices.Contains(prefixes, prefix) {
			prefixes = append(prefixes, prefix)
		}
	}
	return prefixes
}

// survey reads the whole tree in the surest way: from a leader that has made sure that
// it is one, having asked whether we may read it at all.
func (w *watch) survey(ctx context.Context) error {
	if err := w.quiet.Wait(ctx); err != nil {
		return fmt.Errorf("wait for the next survey: %w", err)
	}
	began := time.Now()
	names, origin, err := w.tree.names(ctx, consistent())
	if err == nil {
		err = origin.doubt()
	}
	if err != nil {
		return err
	}
	a := answer{consistent: true, abandoned: w.abandoned}
	if a.probe, err = w.tree.mayRead(ctx, w.tree.prefix); err != nil {
		return err
	}
	d := w.draft(w.divided(names))
	d.surveyed = began
	d.next.Index = 0 // it may have gone back
	for _, prefix := range d.cover.parts {
		if _, err := d.read(ctx, prefix, consistent()); err != nil {
			return err
		}
	}
	return w.conclude(ctx, d, a, func(uint64) queryOptions { return consistent() })
}

// divided returns the cover for the tree as it is, which is the one that is there unless
// another would be much better.
func (w *watch) divided(names []string) cover {
	keys := slices.DeleteFunc(slices.Clone(names), func(name string) bool { return !w.tree.reader.Stands(name) })
	fresh := newCover(w.tree.prefix, keys, w.limit())
	now := w.cover.without(keys)
	if len(now.parts) > 0 && now.size() <= w.limit() && now.coarsest(keys) <= 2*max(partKeys, fresh.coarsest(keys)) {
		return now
	}
	return fresh
}

// conclude lists all names of the tree and judges what that says together with what was
// read before. Names that are not known are read first: what seems to be lost may have
// moved there, and must not be absent in between.
func (w *watch) conclude(ctx context.Context, d *draft, a answer, how func(index uint64) queryOptions) error {
	a.readings, a.origin, a.err = d.list(ctx, w.known, how)
	a.parts = d.next.parts
	switch v := judge(w.known, a).(type) {
	case known:
		if err := w.proveReadable(ctx, a, v.snapshot); err != nil {
			return err
		}
		v.snapshot.Led = d.next.Led
		d.next = v.snapshot
		if a.consistent {
			w.doubt, w.abandoned = false, false
		}
		w.adopt(ctx, d)
		return nil
	case doubtful:
		return v.why
	case unproven:
		if a.consistent {
			return fmt.Errorf("read %s: %s", w.tree.prefix, v.why)
		}
		w.doubt = true
		return w.survey(ctx)
	default:
		panic(fmt.Sprintf("agent: verdict %T is not handled", v))
	}
}

// list returns the readings whose keys one answer for the whole tree names.
func (d *draft) list(ctx context.Context, known *Snapshot, how func(index uint64) queryOptions) ([]*kvschema.Reading, origin, error) {
	for {
		names, origin, err := d.tree.names(ctx, how(d.next.Index))
		if err != nil {
			return nil, origin, err
		}
		there := listed(d.next.Readings, names)
		for _, gone := range missing(d.next.Readings, there) {
			d.first[gone.Key] = time.Now()
		}
		d.next.Readings = there
		again := append(d.strangers(names), d.heirs(known)...)
		if len(again) == 0 {
			return there, origin, nil
		}
		for _, prefix := range again {
			if _, err := d.read(ctx, prefix, consistent()); err != nil {
				return nil, origin, err
			}
		}
	}
}

// listed returns the readings whose keys are among the names. Consul sorts names.
func listed(readings []*kvschema.Reading, names []string) []*kvschema.Reading {
	return slices.DeleteFunc(slices.Clone(readings), func(r *kvschema.Reading) bool {
		_, there := slices.BinarySearch(names, r.Key)
		return !there
	})
}

// proveReadable makes sure, where Consul would not tell that it hides something, that
// keys which are missing now may be read at all: one of each namespace is asked for
// alone.
func (w *watch) proveReadable(ctx context.Context, a answer, fresh Snapshot) error {
	if a.trusted || w.known == nil {
		return nil
	}
	asked := map[string]bool{}
	for _, reading := range missing(w.known.Readings, fresh.Readings) {
		folder := path.Dir(reading.Key)
		if asked[folder] {
			continue
		}
		asked[folder] = true
		switch may, err := w.tree.mayRead(ctx, reading.Key); {
		case err != nil:
			return err
		case may == forbidden:
			return errFiltered
		}
	}
	return nil
}

// adopt makes a draft what is known, and hands it on if it says anything new.
func (w *watch) adopt(ctx context.Context, d *draft) {
	before := w.known
	w.known, w.cover = &d.next, d.cover
	w.hang(ctx, d)
	if before == nil || !before.same(d.next) {
		w.news.put(d.next)
		w.stirs.put(struct{}{})
	}
}
