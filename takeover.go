package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/k8s-registrar/k8s-registrar/agent"
	"github.com/k8s-registrar/k8s-registrar/kvschema"
	"github.com/k8s-registrar/k8s-registrar/register"
	"github.com/k8s-registrar/k8s-registrar/register/takeover"
)

func takeoverFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "file", Usage: "take over what consul-template writes to `FILE`", Value: "/etc/consul.d/services/k8s-services.json"},
		&cli.BoolFlag{Name: "plan", Aliases: []string{"dry-run"}, Usage: "only show what would change for those who read the catalog"},
		&cli.BoolFlag{Name: "rollback", Usage: "go back: the file into its place, and ours away"},
		&cli.BoolFlag{Name: "force", Usage: "retire the file although services in it would be missed"},
		&cli.BoolFlag{Name: "yes", Usage: "do not ask"},
		timeoutFlag(2 * time.Minute),
	}
}

// takeOver moves this node from consul-template's file to ours, or back.
func takeOver(c *cli.Context) error {
	n, this, err := openThis(c)
	if err != nil {
		return err
	}
	site := takeover.Site{File: c.String("file"), Client: n.consul.Client, HasToken: n.consul.HasToken(), Local: n.local, Node: this}
	old, err := site.ReadOld()
	if err != nil {
		return err
	}
	if c.Bool("rollback") {
		return n.rollBack(c, site, old)
	}
	a, pass, err := prepare(c)
	if err != nil {
		return err
	}
	comparison := takeover.Compare(old, pass.Desired, reasons(pass))
	if err := writeComparison(c.App.Writer, comparison); err != nil || c.Bool("plan") {
		return err
	}
	if err := confirm(c, fmt.Sprintf("take over %s of %s on node %s", plural(len(old), "service"), site.File, this.Name)); err != nil {
		return err
	}
	plan := upserts(pass.Plan)
	hands := takeover.Hands{
		Register: func(context.Context) error { return registerBeside(c, a, pass, plan) },
		Say:      say(c.App.Writer),
	}
	options := takeover.Options{Behind: len(plan.Steps), Timeout: c.Duration("timeout"), Force: c.Bool("force")}
	if err := site.Run(c.Context, hands, options); err != nil {
		return errTakeover(err)
	}
	_, err = fmt.Fprintf(c.App.Writer, "Done: %s of consul-template are retired, and ours are in their place. Let k8s-registrar agent run from now on.\n", plural(len(old), "service"))
	return err
}

// rollBack goes back. The claim keeps the daemon away, which would register again what is
// removed here.
func (n node) rollBack(c *cli.Context, site takeover.Site, old []takeover.Old) error {
	held, err := n.claim(c, site.Node, "a rollback")
	if err != nil {
		return err
	}
	defer held.Close() //nolint:errcheck // the process ends
	if err := confirm(c, fmt.Sprintf("go back to %s in %s on node %s", plural(len(old), "service"), site.File, site.Node.Name)); err != nil {
		return err
	}
	hands := takeover.Hands{
		Remove: func(ctx context.Context) error {
			actual, err := n.local.Actual(ctx, register.Desired{})
			if err != nil {
				return err
			}
			return n.remove(c, actual)
		},
		Say: say(c.App.Writer),
	}
	if err := site.Rollback(c.Context, hands, takeover.Options{Timeout: c.Duration("timeout")}); err != nil {
		return errTakeover(err)
	}
	_, err = fmt.Fprintf(c.App.Writer, "Done: the node is as it was with %s. Start consul-template again.\n", plural(len(old), "service"))
	return err
}

// errTakeover gives an error its exit code: Consul that is away, or anything else.
func errTakeover(err error) error {
	if coded, ok := errors.AsType[codedError](err); ok {
		return coded
	}
	return codedError{exitRuntime, err}
}

// upserts is the part of a plan that takes nothing away.
func upserts(plan register.Plan) register.Plan {
	var steps []*register.Step
	for _, step := range plan.Steps {
		if step.Action != register.Remove {
			steps = append(steps, step)
		}
	}
	return register.Plan{Steps: steps}
}

// registerBeside registers ours beside the old ones, or leaves that to the daemon.
func registerBeside(c *cli.Context, a *agent.Agent, pass agent.Pass, plan register.Plan) error {
	pass.Plan = plan
	pass, err := a.Apply(c.Context, pass, newProgress(c.App.ErrWriter, len(plan.Steps), "registering"))
	switch {
	case errors.Is(err, agent.ErrClaimed):
		_, err = fmt.Fprintln(c.App.Writer, "  the daemon does that")
		return err
	case err != nil:
		return err
	}
	for _, o := range pass.Report.Outcomes {
		if o.Err != nil && !errors.Is(o.Err, register.ErrPostponed) {
			fmt.Fprintf(c.App.ErrWriter, "k8s-registrar: error: %s: %v\n", o.Step, o.Err) //nolint:errcheck // nothing is left to tell it to
		}
	}
	if err := pass.Report.Err(); err != nil {
		return errOnce(err)
	}
	return nil
}

// reasons says by name why a service of the tree is not announced.
func reasons(pass agent.Pass) map[string]string {
	why := map[string]string{}
	for _, p := range pass.Problems {
		why[p.Name] = p.Err.Error()
	}
	return why
}

func say(w io.Writer) func(string, ...any) {
	return func(format string, args ...any) {
		fmt.Fprintf(w, format+"\n", args...) //nolint:errcheck // the takeover goes on
	}
}

// writeComparison prints what would change for those who read the catalog.
func writeComparison(w io.Writer, c takeover.Comparison) error {
	var b strings.Builder
	var same, gone int
	var routing bool
	for _, pair := range c.Pairs {
		switch {
		case pair.Same():
			same++
		case pair.New.ID == "":
			gone++
			fmt.Fprintf(&b, "- %s\n    nothing of ours takes its place: %s\n", pair.Old, pair.Why)
		default:
			fmt.Fprintf(&b, "~ %s\n", pair.Old)
			for _, tag := range kvschema.Shown(pair.Lost) {
				fmt.Fprintf(&b, "    tag: - %s\n", tag)
			}
			for _, tag := range kvschema.Shown(pair.Gained) {
				fmt.Fprintf(&b, "    tag: + %s\n", tag)
			}
			routing = routing || pair.Routing()
		}
	}
	for _, added := range c.Added {
		fmt.Fprintf(&b, "+ %s:%d\n    not in the file\n", added.Name, added.Port)
	}
	if routing {
		b.WriteString("Careful: tags of Traefik differ. Traefik v2 and v3 drop such a router while both instances are there.\n")
	}
	fmt.Fprintf(&b, "%s in the file: %d the same, %d with other tags, %d that we do not announce; %d more that we do.\n",
		plural(len(c.Pairs), "service"), same, len(c.Pairs)-same-gone, gone, len(c.Added))
	_, err := io.WriteString(w, strings.Map(harmless, b.String()))
	return err
}
