package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/k8s-registrar/k8s-registrar/e2e/command"
)

// The names of the contenders.
const (
	floorName    = "floor"
	carefulName  = "careful"
	oursName     = "ours"
	templateName = "template"
	pluginName   = "plugin"
)

// What the contenders are asked for at most: one argument of a program ends at 128 KB,
// and beyond 2,768 services a cluster has no NodePorts.
const (
	maxPlugin   = 80
	maxTemplate = 2768
)

// options say what to measure.
type options struct {
	consul, registrar, template string // programs
	self                        string // this program
	sizes                       []int
	contenders                  []string
	coldRounds, rounds, changes int // rounds of so many changes each
	deletes, bursts, costs      int
	idle                        time.Duration
	patience                    time.Duration // when a change is given up for lost
	results, docs               string        // files
	quick                       bool
}

// parse reads the flags, and explains them if they ask for that.
func parse(args []string, stdout io.Writer) (options, error) {
	o := options{}
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.StringVar(&o.consul, "consul", "bin/consul", "the Consul `program`")
	flags.StringVar(&o.registrar, "registrar", "bin/k8s-registrar", "the k8s-registrar `program`")
	flags.StringVar(&o.template, "template", "bin/consul-template", "the consul-template `program`")
	sizes := flags.String("sizes", "20,80,1000,2768,10000", "how many `services`; none to write only what was measured before")
	contenders := flags.String("contenders", "floor,careful,ours,template,plugin", "which `programs` to measure")
	flags.IntVar(&o.coldRounds, "cold", 3, "`rounds` of cold starts, below 1,000 services; above, one")
	flags.IntVar(&o.rounds, "rounds", 5, "`rounds` of single changes")
	flags.IntVar(&o.changes, "changes", 40, "single `changes` of each program in each round")
	flags.IntVar(&o.deletes, "deletes", 20, "single `deletions` of each program")
	flags.IntVar(&o.bursts, "bursts", 3, "`times` that everything changes at once; above 2,768 services, one")
	flags.IntVar(&o.costs, "costs", 20, "`changes` to measure processor time and bytes by")
	flags.DurationVar(&o.idle, "idle", time.Minute, "how `long` to watch them do nothing")
	flags.DurationVar(&o.patience, "patience", 10*time.Second, "how `long` until a change is given up for lost")
	flags.StringVar(&o.results, "results", "", "keep the results in a `file`, beside those of other sizes in it")
	flags.StringVar(&o.docs, "docs", "", "write tables and plots of the results into the `directory`")
	flags.BoolVar(&o.quick, "quick", false, "a smoke test: few services, few changes, and an error if one is lost")
	if err := command.Parse(flags, args, stdout); err != nil {
		return o, err
	}
	o.contenders = strings.Split(*contenders, ",")
	if o.quick {
		o.coldRounds, o.rounds, o.changes, o.deletes, o.bursts, o.costs = 2, 1, 5, 2, 1, 2
		o.idle, o.patience, *sizes = 2*time.Second, time.Minute, "20"
	}
	return o.settle(*sizes)
}

// settle completes the options.
func (o options) settle(sizes string) (options, error) {
	for text := range strings.FieldsFuncSeq(sizes, func(r rune) bool { return r == ',' }) {
		size, err := strconv.Atoi(text)
		if err != nil || size < 1 || size > maxServices {
			return o, fmt.Errorf("sizes: %q is not a number from 1 to %d", text, maxServices)
		}
		o.sizes = append(o.sizes, size)
	}
	programs := []*string{&o.consul, &o.registrar}
	for _, name := range o.contenders {
		if !slices.Contains([]string{floorName, carefulName, oursName, templateName, pluginName}, name) {
			return o, fmt.Errorf("contenders: there is no %q", name)
		}
	}
	if o.takesPart(templateName, 1) || o.takesPart(pluginName, 1) {
		programs = append(programs, &o.template)
	}
	for _, program := range programs {
		path, err := filepath.Abs(*program)
		if err == nil {
			_, err = os.Stat(path)
		}
		if err != nil {
			return o, fmt.Errorf("find program: %w: run make %s", err, *program)
		}
		*program = path
	}
	var err error
	o.self, err = os.Executable()
	return o, err
}

// takesPart tells whether a contender is measured at a size.
func (o options) takesPart(name string, size int) bool {
	limit := map[string]int{pluginName: maxPlugin, templateName: maxTemplate}[name]
	return slices.Contains(o.contenders, name) && (limit == 0 || size <= limit)
}
