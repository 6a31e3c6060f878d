package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"github.com/k8s-registrar/k8s-registrar/e2e/command"
	"github.com/k8s-registrar/k8s-registrar/e2e/measure"
)

// experiment is what the program measures besides the bench: one thing, on a Consul of its own,
// for one table in the document.
type experiment struct {
	flags        *flag.FlagSet
	consul, docs *string
	size         *int
}

func newExperiment(name string) experiment {
	flags := flag.NewFlagSet(name, flag.ContinueOnError)
	return experiment{
		flags:  flags,
		consul: flags.String("consul", "bin/consul", "the Consul `program`"),
		docs:   flags.String("docs", "", "write the table into the `directory`"),
		size:   flags.Int("services", 1000, "how many `services` there are"),
	}
}

// run reads the flags, has something measured, and shows the table of it.
func (e experiment) run(ctx context.Context, args []string, out io.Writer, table func(context.Context, *stage) (string, error)) (err error) {
	if err := command.Parse(e.flags, args, out); err != nil {
		return err
	}
	if *e.size < 1 || *e.size > maxServices {
		return fmt.Errorf("services: %d is not a number from 1 to %d", *e.size, maxServices)
	}
	binary, err := filepath.Abs(*e.consul)
	if err != nil {
		return err
	}
	s := &stage{options: options{consul: binary, patience: time.Minute}, size: *e.size}
	defer func() { err = errors.Join(err, s.clear()) }()
	if err := s.prepare(ctx); err != nil {
		return err
	}
	text, err := table(ctx, s)
	if err != nil {
		return err
	}
	fmt.Fprint(out, text)
	if *e.docs == "" {
		return nil
	}
	return measure.WriteSection(filepath.Join(*e.docs, benchmarksDocument), fmt.Sprintf("%s %d", e.flags.Name(), *e.size), text)
}
