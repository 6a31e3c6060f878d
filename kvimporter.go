package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/k8s-registrar/k8s-registrar/kvschema"
	"github.com/k8s-registrar/k8s-registrar/kvschema/kvtree"
)

// removalWindow is how long a removal counts against the budget, as it does on the nodes.
const removalWindow = 10 * time.Minute

// importer makes the tree hold what an input says, and says what it did.
type importer struct {
	tree    tree
	reader  kvschema.Reader // as the nodes have it
	options kvtree.Options
	out     io.Writer
	errs    io.Writer
	quiet   bool
	dryRun  bool
	follows bool // a watch, where silence is the rule

	gone []time.Time // removals, oldest first
}

// imported is what became of one input.
type imported struct {
	done   map[kvtree.Action]int
	failed int
	held   int
}

// err gives the result its exit code. What went wrong has been said already.
func (r imported) err() error {
	switch {
	case r.failed > 0:
		return codedError{exitRuntime, fmt.Errorf("%s could not be imported", plural(r.failed, "Service"))}
	case r.held > 0:
		return codedError{exitHeld, fmt.Errorf("%s held: if that is right, import once more with --guard-allow-removals", plural(r.held, "removal"))}
	default:
		return nil
	}
}

// pass compares the input with the tree once and writes what differs. Its error says that
// Consul could not be asked.
func (i *importer) pass(ctx context.Context, in kvtree.Input) (imported, error) {
	pairs, err := i.tree.Read(ctx)
	if err != nil {
		return imported{}, errTree(err)
	}
	for len(i.gone) > 0 && time.Since(i.gone[0]) >= removalWindow {
		i.gone = i.gone[1:]
	}
	i.options.Budget.Spent = len(i.gone)
	plan := kvtree.Diff(i.reader, pairs, in, i.options)
	if err := i.show(plan); err != nil {
		return imported{}, err
	}
	writeProblems(i.errs, plan.Problems)
	if i.dryRun {
		return imported{failed: len(plan.Problems)}, nil
	}
	return i.write(ctx, plan)
}

func (i *importer) write(ctx context.Context, plan kvtree.Plan) (imported, error) {
	result := imported{done: map[kvtree.Action]int{}, failed: len(plan.Problems), held: len(plan.Held)}
	var failures []kvtree.Outcome
	step := newBar(i.errs, "importing", len(plan.Changes))
	err := i.tree.Write(ctx, plan.Changes, func(o kvtree.Outcome) {
		step()
		if o.Err != nil {
			failures = append(failures, o)
			return
		}
		result.done[o.Action]++
		if o.Action == kvtree.Remove {
			i.gone = append(i.gone, time.Now())
		}
	})
	for _, o := range failures { // after the bar
		writeFailure(i.errs, o.Ref, o.Err)
	}
	result.failed += len(failures)
	if !i.quiet && len(plan.Changes) > 0 {
		fmt.Fprintf(i.out, "Done: %d added, %d updated, %d removed.\n", result.done[kvtree.Add], result.done[kvtree.Update], result.done[kvtree.Remove])
	}
	if err != nil {
		return result, errTree(err)
	}
	return result, nil
}

// show prints a plan for people.
func (i *importer) show(plan kvtree.Plan) error {
	if i.quiet {
		return nil
	}
	var b strings.Builder
	for _, change := range plan.Changes {
		writeChange(&b, change)
	}
	for _, change := range plan.Held {
		fmt.Fprintf(&b, "! hold    %s/%s  (would be removed)\n", change.Namespace, change.Name)
	}
	if b.Len() == 0 && len(plan.Problems) == 0 && !i.follows {
		fmt.Fprintf(&b, "Nothing to do: %s as in Kubernetes.\n", plural(plan.Same, "key"))
	}
	_, err := io.WriteString(i.out, strings.Map(harmless, b.String()))
	return err
}

func writeChange(b *strings.Builder, change kvtree.Change) {
	sign := map[kvtree.Action]string{kvtree.Add: "+", kvtree.Update: "~", kvtree.Remove: "-"}[change.Action]
	fmt.Fprintf(b, "%s %-7s %s/%s", sign, change.Action, change.Namespace, change.Name)
	if len(change.Fields) > 0 {
		fmt.Fprintf(b, "  (%s)", strings.Join(change.Fields, ", "))
	}
	b.WriteByte('\n')
}
