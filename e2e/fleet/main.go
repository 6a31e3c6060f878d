// Command fleet measures what a fleet of nodes costs Consul's servers: it runs the real
// watch and reconcile code of many agents in one process, each as a node of its own,
// against real Consul servers.
//
// What is real: package agent as it is, from agent.New to Run, with Consul's own client;
// the servers; every query and every write that reaches them. What stands in: the client
// agent of each node, of which a machine cannot hold a thousand. See [node] for what it
// does and does not do, and docs/scaling.md for what follows from that.
//
// With -contenders the same is measured of fleets of package rival's programs, so that it can
// be told what of the cost nobody could avoid. With -clients nothing stands in: each node has a
// client agent of Consul, and there are few.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/k8s-registrar/k8s-registrar/e2e/command"
)

func main() { command.Run(run) }

// run is main without the process around it.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	return command.Code("fleet", measureAll(ctx, args, stdout), stderr)
}

// options say what to measure.
type options struct {
	consul        string // program
	points        []point
	contenders    []string
	changes       int
	deploy        int
	herd          time.Duration // how long to watch what a restart does
	leader        []int         // how many agents to change the leader under
	clients       bool          // real client agents instead of stand-ins
	copies        int           // from how many nodes a service is announced; 0: from all
	patience      time.Duration
	results, docs string // files
	verbose       bool
}

// point is the size of a fleet.
type point struct {
	Agents     int `json:"agents"`
	Services   int `json:"services"`
	Namespaces int `json:"namespaces"`
}

// String returns the form that [parsePoint] reads.
func (p point) String() string { return fmt.Sprintf("%dx%dx%d", p.Agents, p.Services, p.Namespaces) }

func parsePoint(text string) (p point, err error) {
	if _, err := fmt.Sscanf(text, "%dx%dx%d", &p.Agents, &p.Services, &p.Namespaces); err != nil {
		return p, fmt.Errorf("%q is not like 100x50x5, for agents, services and namespaces: %w", text, err)
	}
	if p.Agents < 1 || p.Services < 1 || p.Namespaces < 1 || p.Namespaces > p.Services {
		return p, fmt.Errorf("%q cannot be", text)
	}
	return p, nil
}

func parse(args []string, stdout io.Writer) (options, error) {
	var o options
	flags := flag.NewFlagSet("fleet", flag.ContinueOnError)
	flags.StringVar(&o.consul, "consul", "bin/consul", "the Consul `program`")
	points := flags.String("points", "10x100x10,100x20x2,100x100x10,100x1000x50,1000x100x10", "agents x services x namespaces of each `fleet`; none to write only what was measured before")
	contenders := flags.String("contenders", oursName, "which `programs` to measure, each as a fleet of its own: "+strings.Join(contenderNames(), ","))
	flags.BoolVar(&o.clients, "clients", false, "run a client agent of Consul for each agent, of 100 MB, and no stand-in: only what a change costs is measured")
	flags.IntVar(&o.copies, "copies", 0, "announce each service from so many `nodes`; 0: from all")
	flags.IntVar(&o.changes, "changes", 20, "single `changes`")
	flags.IntVar(&o.deploy, "deploy", 100, "`services` that are deployed within a minute")
	flags.DurationVar(&o.herd, "herd", time.Minute, "how `long` to watch what a restart does")
	leader := flags.String("leader", "10,100", "change the leader under so many `agents`")
	flags.DurationVar(&o.patience, "patience", 30*time.Second, "how `long` until a change is given up for lost")
	flags.StringVar(&o.results, "results", "", "keep the results in a `file`, beside those of other fleets in it")
	flags.StringVar(&o.docs, "docs", "", "write the tables into the `directory`")
	flags.BoolVar(&o.verbose, "v", false, "print what the agents log")
	if err := command.Parse(flags, args, stdout); err != nil {
		return o, err
	}
	for text := range strings.FieldsFuncSeq(*points, func(r rune) bool { return r == ',' }) {
		p, err := parsePoint(text)
		if err != nil {
			return o, fmt.Errorf("points: %w", err)
		}
		o.points = append(o.points, p)
	}
	if o.clients && o.copies > 0 {
		return o, errors.New("clients: all nodes announce everything then, which -copies is not for")
	}
	var err error
	if o.contenders, err = parseContenders(*contenders, o.copies); err != nil {
		return o, err
	}
	for text := range strings.SplitSeq(*leader, ",") {
		var agents int
		if _, err := fmt.Sscanf(text, "%d", &agents); err == nil {
			o.leader = append(o.leader, agents)
		} else if text != "" {
			return o, fmt.Errorf("leader: %q is not a number", text)
		}
	}
	o.consul, err = filepath.Abs(o.consul)
	return o, err
}

// measureAll measures one fleet after the other.
func measureAll(ctx context.Context, args []string, out io.Writer) error {
	o, err := parse(args, out)
	if err != nil {
		return err
	}
	all, err := load(o.results)
	if err != nil {
		return err
	}
	for _, p := range o.points {
		for _, contender := range o.contenders {
			fmt.Fprintf(out, "%s: %d agents, %d services in %d namespaces\n", contender, p.Agents, p.Services, p.Namespaces)
			result, err := measureFleet(ctx, o, contender, p, out)
			if err != nil {
				return fmt.Errorf("measure %s of %s: %w", p, contender, err)
			}
			all.replace(result)
			if err := all.save(o.results); err != nil {
				return err
			}
		}
	}
	if slices.Contains(o.contenders, oursName) && !o.clients {
		if err := measureLeaders(ctx, o, &all, out); err != nil {
			return err
		}
	}
	fmt.Fprint(out, "\n", all.text())
	if o.docs == "" {
		return nil
	}
	return all.document(o.docs)
}

// measureLeaders measures a change of leader under each number of agents.
func measureLeaders(ctx context.Context, o options, all *results, out io.Writer) error {
	for _, agents := range o.leader {
		fmt.Fprintf(out, "%d agents, the leader of three servers ends\n", agents)
		herd, err := measureLeader(ctx, o, point{agents, 20, 2}, out)
		if err != nil {
			return fmt.Errorf("measure change of leader: %w", err)
		}
		all.replaceLeader(herd)
		if err := all.save(o.results); err != nil {
			return err
		}
	}
	return nil
}
