package main

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/hashicorp/go-hclog"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/schollz/progressbar/v3"
	"github.com/urfave/cli/v2"

	"github.com/k8s-registrar/k8s-registrar/agent"
	"github.com/k8s-registrar/k8s-registrar/register"
)

func planFlags() []cli.Flag {
	return []cli.Flag{
		&cli.BoolFlag{Name: "json", Usage: "print JSON"},
		&cli.BoolFlag{Name: "exit-code", Usage: "exit with 4 if there are changes, with 5 if the guard holds removals"},
	}
}

// plan shows what apply would do.
func plan(c *cli.Context) error {
	_, pass, err := prepare(c)
	if err != nil {
		return err
	}
	if c.Bool("json") {
		encoder := json.NewEncoder(c.App.Writer)
		encoder.SetIndent("", "  ")
		err = encoder.Encode(planView(pass))
	} else {
		err = writePlan(c.App.Writer, pass)
	}
	switch {
	case err != nil || !c.Bool("exit-code"):
		return err
	case len(pass.Plan.Held) > 0:
		return codedError{code: exitHeld}
	case !pass.Plan.Empty():
		return codedError{code: exitChanges}
	default:
		return nil
	}
}

// apply makes one pass.
func apply(c *cli.Context) error {
	a, pass, err := prepare(c)
	if err != nil {
		return err
	}
	if err := writePlan(c.App.Writer, pass); err != nil {
		return err
	}
	progress := newProgress(c.App.ErrWriter, len(pass.Plan.Steps), "registering")
	pass, err = a.Apply(c.Context, pass, progress)
	if err != nil {
		return err
	}
	for _, o := range pass.Report.Outcomes {
		if o.Err != nil {
			fmt.Fprintf(c.App.ErrWriter, "k8s-registrar: error: %s: %v\n", o.Step, o.Err) //nolint:errcheck // nothing is left to tell it to
		}
	}
	switch err := pass.Report.Err(); {
	case pass.Report.Stopped != nil:
		return errOnce(err)
	case err != nil:
		return err
	case len(pass.Plan.Held) > 0:
		return codedError{exitHeld, fmt.Errorf("%s held: if that is right, apply once more with --guard-allow-removals", plural(len(pass.Plan.Held), "removal"))}
	}
	_, err = fmt.Fprintf(c.App.Writer, "Done: %d added, %d updated, %d removed.\n",
		pass.Report.Done(register.Add), pass.Report.Done(register.Update), pass.Report.Done(register.Remove))
	return err
}

// prepare compares the tree with the local agent.
func prepare(c *cli.Context) (*agent.Agent, agent.Pass, error) {
	cfg, err := loadConfig(c)
	if err != nil {
		return nil, agent.Pass{}, err
	}
	consul, err := connect(cfg.Consul)
	if err != nil {
		return nil, agent.Pass{}, errConnect(err)
	}
	a := agent.New(cfg, consul, hclog.NewNullLogger(), prometheus.NewRegistry())
	pass, err := a.Plan(c.Context)
	if err != nil {
		return nil, pass, errOnce(err)
	}
	return a, pass, nil
}

// newProgress draws a bar on a terminal and is silent elsewhere.
func newProgress(w io.Writer, steps int, what string) func(register.Outcome) bool {
	step := newBar(w, what, steps)
	return func(register.Outcome) bool { step(); return true }
}

// newBar is a bar for people who wait, of so many steps.
func newBar(w io.Writer, what string, steps int) (step func()) {
	if !isTerminal(w) || steps == 0 {
		return func() {}
	}
	bar := progressbar.NewOptions(steps,
		progressbar.OptionSetWriter(w),
		progressbar.OptionSetDescription(what),
		progressbar.OptionShowCount(),
		progressbar.OptionClearOnFinish(),
	)
	return func() { _ = bar.Add(1) } // a bar that cannot be drawn is no error
}
