package kvtree

import (
	"errors"
	"slices"

	"github.com/k8s-registrar/k8s-registrar/kvschema"
)

// Prune says which keys are removed.
type Prune int

const (
	// PruneNothing removes no key.
	PruneNothing Prune = iota
	// PruneDeleted removes the keys of Services that the input says are gone.
	PruneDeleted
	// PruneAbsent removes also those of Services that the input does not have. The caller
	// has to know that it has all of them, see [Input.CheckPrune].
	PruneAbsent
)

// Options say what of an [Input] counts.
type Options struct {
	// Types are those of the Services that get a key, such as "NodePort".
	Types []string
	// Namespaces are the only ones that are looked at; none means all.
	Namespaces []string
	// Prune says which keys are removed.
	Prune Prune
	// Budget is how many may be removed.
	Budget Budget
}

// Budget is how many keys may go before a human is asked: the larger one of Min and
// Percent. If more would go then none does, since nobody can tell the right ones from the
// wrong ones.
type Budget struct {
	Min       int
	Percent   int // of the keys that are there
	Spent     int // how many have gone lately: they count too
	Unlimited bool
}

func (b Budget) allows(removals, there int) bool {
	return b.Unlimited || b.Spent+removals <= max(b.Min, (there+b.Spent)*b.Percent/100)
}

// Action is what is done to a key.
type Action int

// The actions, in the order in which they are carried out.
const (
	Add Action = iota
	Update
	Remove
)

// String returns the action as a human writes it.
func (a Action) String() string { return [...]string{"add", "update", "remove"}[a] }

// Change is one write to the tree.
type Change struct {
	Action Action
	kvschema.Ref
	// Index is the key's ModifyIndex for which it was decided, 0 if there was no key. If
	// it is another one by then, the change is not made.
	Index uint64
	// Value is what is stored, nil for Remove.
	Value []byte
	// Fields are those that an Update changes, such as "spec.ports".
	Fields []string
}

// Plan is what has to be written so that the tree holds what the input says.
type Plan struct {
	// Changes are sorted by action, then by key.
	Changes []Change
	// Held are the removals that the budget does not allow.
	Held []Change
	// Problems are the Services of the input that no node could read.
	Problems []kvschema.Problem
	// Same is how many keys hold already what the input says.
	Same int
}

// Diff returns what has to be written into the tree that the nodes read by this reader,
// given all pairs that are there.
func Diff(reader kvschema.Reader, pairs []kvschema.Pair, in Input, o Options) Plan {
	entries := Entries(reader.Prefix(), pairs, o.Namespaces)
	there := map[string]Entry{}
	for _, entry := range entries {
		there[entry.Key] = entry
	}
	var plan Plan
	present, deleted := map[string]bool{}, map[string]bool{}
	for _, event := range in.events() {
		key := reader.Prefix() + event.Namespace + "/" + event.Name
		present[key], deleted[key] = !event.Deleted, event.Deleted
		if event.Deleted || !inScope(event.Namespace, o.Namespaces) {
			continue
		}
		if entry, exists := there[key]; exists || slices.Contains(o.Types, event.Type) {
			plan.put(reader, key, entry, event.Object)
		}
	}
	slices.SortStableFunc(plan.Changes, func(a, b Change) int { return int(a.Action - b.Action) })

	removals := o.Prune.removals(entries, present, deleted)
	if o.Budget.allows(len(removals), len(entries)) {
		plan.Changes = append(plan.Changes, removals...)
	} else {
		plan.Held = removals
	}
	return plan
}

// removals are those of what is not there any more, as far as it is to go.
func (p Prune) removals(entries []Entry, present, deleted map[string]bool) []Change {
	var removals []Change
	for _, entry := range entries {
		if p == PruneAbsent && !present[entry.Key] || p == PruneDeleted && deleted[entry.Key] {
			removals = append(removals, entry.Removal())
		}
	}
	return removals
}

// put plans to store an object under a key, unless the entry that is there, if any, says
// the same.
func (p *Plan) put(reader kvschema.Reader, key string, entry Entry, object Object) {
	change := Change{Action: Add, Index: entry.ModifyIndex}
	if entry.ModifyIndex > 0 {
		change.Action, change.Fields = Update, differences(entry.Value, object.JSON)
		if len(change.Fields) == 0 {
			p.Same++
			return
		}
	}
	change.Ref = kvschema.Ref{Key: key, Namespace: object.Namespace, Name: object.Name}
	var err error
	if change.Value, err = object.value(); err == nil {
		err = readable(reader, kvschema.Pair{Key: key, Value: change.Value})
	}
	if err != nil {
		p.Problems = append(p.Problems, kvschema.Problem{Ref: change.Ref, Err: err})
		return
	}
	p.Changes = append(p.Changes, change)
}

// readable says why no node could read a pair.
func readable(reader kvschema.Reader, pair kvschema.Pair) error {
	reading, ours := reader.Read(pair, nil)
	if !ours {
		return errors.New("its name or its namespace has a slash: it cannot have a key")
	}
	return reading.Err()
}
