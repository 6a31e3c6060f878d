// Command chaos does random things to a registrar's world, and checks that the registrar
// does what the tree asks for and nothing else.
//
//	go run ./e2e/chaos -consul bin/consul -registrar bin/k8s-registrar -seconds 600 -seed 1
//
// One server and one client agent with ACLs that deny by default, the real registrar with
// a least-privilege token, and between the two a proxy that can break things. Operations
// (operations) come one after the other; what each one is, and does, is drawn from the seed
// and its number alone. It is left out where it is not possible at that moment. Watchers
// look at the agent and at the catalog several times a second, and compare with a model
// that is a second implementation of what the registrar promises (model). Now and then
// everything is mended, and the whole must become exactly what the model says (quiet).
//
// The first thing that is wrong ends the run with exit code 1 and all there is to know.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/k8s-registrar/k8s-registrar/e2e/command"
	"github.com/k8s-registrar/k8s-registrar/e2e/rig"
)

const (
	quietEvery = 22 * time.Second // of breaking things
	lastQuiet  = 12 * time.Second // kept for the last quiet point
	logLines   = 60
	firstPuts  = 20 // operations that fill the tree
)

type options struct {
	consul, registrar, journal string
	seconds, runs, patience    int
	seed                       uint64
	out                        io.Writer
}

func main() {
	command.Run(func(ctx context.Context, args []string, stdout, stderr io.Writer) int {
		o, err := parse(args, stdout)
		if err == nil {
			err = runAll(ctx, o)
		}
		return command.Code("chaos", err, stderr)
	})
}

func parse(args []string, stdout io.Writer) (options, error) {
	var o options
	flags := flag.NewFlagSet("chaos", flag.ContinueOnError)
	flags.StringVar(&o.consul, "consul", "bin/consul", "the Consul `program`")
	flags.StringVar(&o.registrar, "registrar", "bin/k8s-registrar", "the k8s-registrar `program`")
	flags.StringVar(&o.journal, "journal", "", "the `file` that every operation is written to; empty for one among the temporary files")
	flags.IntVar(&o.seconds, "seconds", 60, "how long to go on")
	flags.Uint64Var(&o.seed, "seed", 1, "what everything random comes from")
	flags.IntVar(&o.runs, "runs", 1, "how many runs to make side by side, with this seed and those that follow it")
	flags.IntVar(&o.patience, "patience", 1, "how many times longer than usual anything may take, for slow machines")
	return o, command.Parse(flags, args, stdout)
}

// runAll makes all runs, each in a world of its own, and prints each in one piece.
func runAll(ctx context.Context, o options) error {
	if o.runs == 1 {
		o.out = os.Stdout
		return run(ctx, o)
	}
	errs := make([]error, o.runs)
	var printing sync.Mutex
	var all sync.WaitGroup
	for i := range o.runs {
		all.Go(func() {
			var text bytes.Buffer
			mine := o
			mine.seed, mine.out = o.seed+uint64(i), &text
			errs[i] = run(ctx, mine)
			printing.Lock()
			defer printing.Unlock()
			_, _ = text.WriteTo(os.Stdout) // nobody reads it
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

// run is one whole run.
func run(ctx context.Context, o options) (err error) {
	if o.consul, err = filepath.Abs(o.consul); err != nil {
		return err
	}
	file, err := journalFile(o)
	if err != nil {
		return fmt.Errorf("create journal: %w", err)
	}
	defer file.Close()
	fmt.Fprintf(o.out, "chaos: seed %d, %d s, journal %s\n", o.seed, o.seconds, file.Name())
	j := newJournal(file)
	w, err := build(ctx, o, j)
	defer func() { err = errors.Join(err, w.close()) }()
	if err != nil {
		return err
	}
	watching, cancel := context.WithCancel(ctx)
	watchers := w.watch(watching)
	begun := time.Now()
	err = w.drive(ctx, begun.Add(time.Duration(o.seconds)*time.Second))
	cancel()
	watchers.Wait()
	if err != nil && ctx.Err() != nil {
		return errors.New("interrupted: everything is stopped and removed")
	}
	if err != nil {
		w.report(err)
		return fmt.Errorf("seed %d failed after %s: %w", o.seed, time.Since(begun).Round(time.Second), err)
	}
	fmt.Fprintf(o.out, "chaos: seed %d passed in %s\n%s\n%s\n", o.seed, time.Since(begun).Round(time.Second), j.totals(), w.summary())
	return nil
}

func journalFile(o options) (*os.File, error) {
	if o.journal != "" {
		return os.Create(o.journal)
	}
	return os.CreateTemp("", fmt.Sprintf("chaos-%d-*.log", o.seed))
}

// drive does operations, with quiet points between, until the time is over.
func (w *world) drive(ctx context.Context, end time.Time) error {
	quiet := time.Now().Add(quietEvery)
	var n int
	for ; time.Until(end) > lastQuiet; n++ {
		rng := rand.New(rand.NewPCG(w.options.seed, uint64(n)))
		if err := w.step(ctx, n, rng); err != nil {
			return err
		}
		if !rig.Sleep(ctx, time.Duration(20+rng.IntN(350))*time.Millisecond) {
			return ctx.Err()
		}
		if time.Now().After(quiet) {
			if err := w.quiet(ctx, rng); err != nil {
				return err
			}
			quiet = time.Now().Add(quietEvery)
		}
	}
	return w.quiet(ctx, rand.New(rand.NewPCG(w.options.seed, uint64(n))))
}

// step does operation n.
func (w *world) step(ctx context.Context, n int, rng *rand.Rand) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.failed != nil {
		return w.failed
	}
	if err := w.heal(ctx, false); err != nil {
		return fmt.Errorf("heal: %w", err)
	}
	op := draw(rng)
	if n < firstPuts {
		op = operations()[0]
	}
	w.version++
	timed, cancel := context.WithTimeout(ctx, 2*opTimeout)
	defer cancel()
	text, err := op.do(w, timed, rng)
	if errors.Is(err, errNotNow) {
		return nil
	}
	w.j.op(n, op.kind, "%s", text)
	if err != nil {
		return fmt.Errorf("operation %d, %s: %w", n, op.kind, err)
	}
	return nil
}

// draw chooses an operation by its weight.
func draw(rng *rand.Rand) operation {
	all := operations()
	var sum int
	for _, op := range all {
		sum += op.weight
	}
	at := rng.IntN(sum)
	return all[slices.IndexFunc(all, func(op operation) bool { at -= op.weight; return at < 0 })]
}

// report prints all there is to know about a failure.
func (w *world) report(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	status, _ := json.MarshalIndent(w.run.status, "", "  ")
	least, most := w.spent()
	fmt.Fprintf(w.options.out, "\n=== seed %d: %v\n\n=== last operations\n%s\n\n=== status (as of %s)\n%s\n", w.options.seed, err, w.j.tail(), w.run.heard.UTC().Format(time.TimeOnly), status)
	fmt.Fprintf(w.options.out, "\n=== model: %d keys, held %v, removals of this run %d to %d\n", len(w.m.entries), w.must, least, most)
	for _, e := range w.sorted(func(*entry) bool { return true }) {
		fmt.Fprintf(w.options.out, "%s %s create %d holder %v memory %v kept %v port %d\n", e.key, e.value.kind, e.create, w.m.holder(e), e.memory, w.m.kept[e.key], e.value.port)
	}
	fmt.Fprintf(w.options.out, "\n=== registrar\n%s\n=== consul\n%s", w.reg.Logs(logLines), w.cluster.Logs(logLines/2))
}

// summary tells what was looked at.
func (w *world) summary() string {
	slices.Sort(w.stats.settling)
	var times []time.Duration
	for _, d := range w.stats.settling {
		times = append(times, d.Round(100*time.Millisecond))
	}
	return fmt.Sprintf("%d looks at agent and catalog, %d quiet points, converged after %v, %d runs of the registrar", w.stats.looks, w.stats.quiet, times, w.run.number)
}
