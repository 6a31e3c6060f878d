// Command bench measures, side by side in one run and on the same real Consul, what a
// change of the tree costs until it is in the servers' catalog:
//
//   - floor: a minimal program with one blocking query on one key and one registration,
//     below which nothing can be that works through Consul's agent;
//   - careful: the floor with what a whole tree asks of anybody: to find out which of its
//     keys has changed, and to look whose a service is before it is written;
//   - ours: the real k8s-registrar;
//   - template: consul-template with a template that renders the file of services, and a
//     reload of Consul: the best that a user of the old stack could do;
//   - plugin: consul-template that hands the tree to a plugin as an argument, as the old
//     stack does, for as long as that works.
//
// Each has a tree and services of its own. The contenders take turns change by change, so
// that whatever else the machine does hits all of them alike. See docs/benchmarks.md.
package main

import (
	"context"
	"fmt"
	"io"

	"github.com/k8s-registrar/k8s-registrar/e2e/command"
)

func main() { command.Run(run) }

// run is main without the process around it.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	do := runBench
	if len(args) > 0 && commands()[args[0]] != nil {
		do, args = commands()[args[0]], args[1:]
	}
	return command.Code("bench", do(ctx, args, stdout), stderr)
}

// commands are what the program is besides the bench: the contenders that it brings, which
// have to be processes of their own, and experiments.
func commands() map[string]func(context.Context, []string, io.Writer) error {
	return map[string]func(context.Context, []string, io.Writer) error{
		"floor":      runFloor,
		"careful":    runCareful,
		"plugin":     runPlugin,
		"calls":      runCalls,
		requestsName: runRequests,
	}
}

// runBench measures, prints, and writes the documents if asked to.
func runBench(ctx context.Context, args []string, stdout io.Writer) error {
	o, err := parse(args, stdout)
	if err != nil {
		return err
	}
	all, err := load(o.results)
	if err != nil {
		return err
	}
	for _, size := range o.sizes {
		fmt.Fprintf(stdout, "%d services in %d namespaces\n", size, namespaces(size))
		result, err := measureSize(ctx, o, size, stdout)
		if err != nil {
			return fmt.Errorf("measure %d services: %w", size, err)
		}
		all.replace(result)
		fmt.Fprint(stdout, result.text())
		if err := all.save(o.results); err != nil {
			return err
		}
		if o.quick {
			if err := result.lossless(); err != nil {
				return err
			}
		}
	}
	if o.docs == "" {
		return nil
	}
	return all.document(o.docs)
}
