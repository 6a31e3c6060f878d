package agent

import (
	"maps"
	"slices"

	"github.com/k8s-registrar/k8s-registrar/kvschema"
	"github.com/k8s-registrar/k8s-registrar/register"
)

// ledger is what a whole pass found and left, kept up to date by the narrow ones that
// follow it. Its maps are the loop's own, and are changed in place.
type ledger struct {
	pass Pass
	// readings are what it was made of.
	readings []*kvschema.Reading
	// ids are the services that are desired or registered, by KV key.
	ids map[string][]register.ID
}

// newLedger opens the ledger with a whole pass. What failed in it waits, and is not tried
// again by a narrow one that is about something else.
func newLedger(pass Pass, failed []Deferred) *ledger {
	l := &ledger{pass: pass, readings: pass.Belief.Readings(), ids: map[string][]register.ID{}}
	l.pass.Plan, l.pass.Rest, l.pass.Report = register.Plan{}, nil, register.Report{} // done, and each step is large
	l.pass.Deferred = slices.Concat(pass.Deferred, failed)
	for id, want := range pass.Desired.Want {
		l.ids[want.Key()] = append(l.ids[want.Key()], id)
	}
	for id, have := range pass.Actual.Ours {
		if _, wanted := pass.Desired.Want[id]; !wanted {
			l.ids[have.Key()] = append(l.ids[have.Key()], id)
		}
	}
	return l
}

// of returns the services of some keys, and those that are desired now, sorted.
func (l *ledger) of(keys map[string]bool, desired register.Desired) []register.ID {
	ids := []register.ID{}
	for key := range keys {
		ids = append(ids, l.ids[key]...)
	}
	for id := range desired.Want {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// lacks tells whether some of these services are new.
func (l *ledger) lacks(ids []register.ID) bool {
	return slices.ContainsFunc(ids, func(id register.ID) bool {
		_, had := l.pass.Actual.Ours[id]
		return !had
	})
}

// misses tells whether a service is not there that was. Somebody has removed it, or what
// is between the agent and us says 404 of everything: only a list of all can tell, and a
// removal that is taken for done would be forgotten.
func (l *ledger) misses(now register.Actual, touched []register.ID) bool {
	return slices.ContainsFunc(touched, func(id register.ID) bool {
		_, had := l.pass.Actual.Ours[id]
		_, has := now.Ours[id]
		return had && !has
	})
}

// enter takes over a narrow pass, and returns it as a part of the whole.
func (l *ledger) enter(part Pass, s scope) Pass {
	whole := &l.pass
	for key := range s.keys {
		for _, id := range l.ids[key] {
			delete(whole.Desired.Want, id)
			delete(whole.Actual.Ours, id)
		}
		delete(whole.Desired.Keep, key)
		delete(whole.Desired.Elsewhere, key)
		delete(whole.Leaving, key)
		delete(l.ids, key)
	}
	maps.Copy(whole.Desired.Elsewhere, part.Desired.Elsewhere)
	maps.Copy(whole.Leaving, part.Leaving)
	for id, want := range part.Desired.Want {
		whole.Desired.Want[id] = want
		l.ids[want.Key()] = append(l.ids[want.Key()], id)
	}
	for id, have := range part.Actual.Ours {
		whole.Actual.Ours[id] = have
		if _, wanted := part.Desired.Want[id]; !wanted {
			l.ids[have.Key()] = append(l.ids[have.Key()], id)
		}
	}
	for key := range part.Desired.Keep {
		whole.Desired.Keep[key] = struct{}{}
	}
	whole.Problems = slices.DeleteFunc(slices.Clone(whole.Problems), func(p kvschema.Problem) bool { return s.keys[p.Key] })
	whole.Problems = append(whole.Problems, part.Problems...)
	whole.Deferred = slices.DeleteFunc(slices.Clone(whole.Deferred), func(d Deferred) bool { return s.keys[d.Step.Key()] })
	whole.Backlog = slices.DeleteFunc(slices.Clone(whole.Backlog), func(id register.ID) bool {
		_, touched := slices.BinarySearch(part.Touched, id)
		return touched
	})
	whole.Backlog = append(whole.Backlog, part.Backlog...)
	whole.Belief, l.readings = part.Belief, part.Belief.Readings()

	shown := *whole
	shown.Plan, shown.Report, shown.Start, shown.Took, shown.Touched = part.Plan, part.Report, part.Start, part.Took, part.Touched
	return shown
}
