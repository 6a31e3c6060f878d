// Command drill breaks, one after the other, everything around a real k8s-registrar that
// can break, and measures from outside what becomes of the services: the catalog of real
// Consul servers is followed throughout. See `make drill`.
//
// Each row of the table at the end is one fault. "lost" are service-seconds in which a
// service was missing, or had a wrong port or wrong tags, that the invariants forbid.
// What Consul loses by itself, or what was done by hand until the documented repair, is
// printed apart, as a note. A drill fails if anything was lost, if the end of the fault
// did not bring everything back in time, or if /status did not name it.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"

	"github.com/k8s-registrar/k8s-registrar/e2e/command"
)

func main() { command.Run(run) }

// A drill is one fault.
type drill struct {
	name string
	// setup is what it needs; do breaks something, looks, and mends it.
	setup setup
	do    func(*stage) error
}

// drills is the one list of all.
func drills() []drill {
	var all []drill
	for _, topic := range [][]drill{
		aclDrills(), serverDrills(), agentDrills(), answerDrills(), treeDrills(), handDrills(), catalogDrills(), ourDrills(),
	} {
		all = append(all, topic...)
	}
	return all
}

type options struct {
	consul, registrar, policy, only string
	parallel                        int
	verbose                         bool
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	var o options
	flags := flag.NewFlagSet("drill", flag.ContinueOnError)
	flags.StringVar(&o.consul, "consul", "bin/consul", "`path` of Consul")
	flags.StringVar(&o.registrar, "registrar", "bin/k8s-registrar", "`path` of k8s-registrar")
	flags.StringVar(&o.policy, "policy", "packaging/acl/k8s-registrar.hcl", "`path` of the ACL policy that is shipped")
	flags.StringVar(&o.only, "only", "", "run only drills whose name contains `text`; several are separated by commas")
	flags.IntVar(&o.parallel, "parallel", 1, "run `n` drills at once")
	flags.BoolVar(&o.verbose, "v", false, "print what the registrar wrote last, and what came and went in the catalog")
	list := flags.Bool("list", false, "list the drills")
	proving := flags.Bool("prove", false, "build the registrar again and again, each time with a protection switched off, and see its drills fail")
	if err := command.Parse(flags, args, stdout); err != nil {
		return command.Code("drill", err, stderr)
	}
	chosen := choose(drills(), o.only)
	switch {
	case *list:
		for _, d := range chosen {
			fmt.Fprintln(stdout, d.name)
		}
		return 0
	case *proving:
		return prove(ctx, o)
	}
	p, err := newPark(o.consul, o.registrar, o.policy)
	if err != nil {
		return command.Code("drill", err, stderr)
	}
	defer p.close()
	rows := runAll(ctx, p, chosen, o.parallel, o.verbose)
	rows = append(rows, p.secretsRow())
	return printTable(stdout, rows)
}

// choose returns the drills whose name contains one of the texts.
func choose(all []drill, texts string) []drill {
	var chosen []drill
	for _, d := range all {
		for text := range strings.SplitSeq(texts, ",") {
			if strings.Contains(d.name, text) {
				chosen = append(chosen, d)
				break
			}
		}
	}
	return chosen
}

func runAll(ctx context.Context, p *park, chosen []drill, parallel int, verbose bool) []row {
	rows := make([]row, len(chosen))
	var printing sync.Mutex
	var wait sync.WaitGroup
	slots := make(chan struct{}, max(1, parallel))
	for i, d := range chosen {
		slots <- struct{}{}
		wait.Go(func() {
			defer func() { <-slots }()
			rows[i] = p.run(ctx, d)
			printing.Lock()
			defer printing.Unlock()
			rows[i].tell(os.Stdout, verbose)
		})
	}
	wait.Wait()
	return rows
}
