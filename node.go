package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/k8s-registrar/k8s-registrar/agent"
	"github.com/k8s-registrar/k8s-registrar/config"
	"github.com/k8s-registrar/k8s-registrar/register"
)

// waitPause is the time between two looks at the catalog.
const waitPause = 500 * time.Millisecond

// node is this node's Consul agent, for a command that does not need the tree.
type node struct {
	config config.Config
	consul agent.Consul
	local  *register.Local
}

// openNode reads the configuration. Nothing is sent.
func openNode(c *cli.Context) (node, error) {
	cfg, err := loadConfig(c)
	if err != nil {
		return node{}, err
	}
	consul, err := connect(cfg.Consul)
	if err != nil {
		return node{}, errConnect(err)
	}
	local := register.NewLocal(consul.Client, register.Owner{Instance: cfg.Instance})
	local.Workers = cfg.Reconcile.Workers
	return node{config: cfg, consul: consul, local: local}, nil
}

// openThis reads the configuration, and asks the agent which node this is.
func openThis(c *cli.Context) (node, register.Node, error) {
	n, err := openNode(c)
	if err != nil {
		return node{}, register.Node{}, err
	}
	this, err := n.local.Node(c.Context)
	if err != nil {
		return node{}, register.Node{}, errOnce(err)
	}
	return n, this, nil
}

// claim keeps the daemon away, which would undo what is done here, until it is closed.
func (n node) claim(c *cli.Context, this register.Node, what string) (io.Closer, error) {
	held, err := agent.Claim(c.Context, this.UID, n.config.Instance)
	if err != nil {
		return nil, fmt.Errorf("%w; %s would be undone by it", err, what)
	}
	return held, nil
}

// apply carries out a plan and says on w which steps failed.
func (n node) apply(c *cli.Context, plan register.Plan, what string) error {
	report := n.local.Apply(c.Context, plan, newProgress(c.App.ErrWriter, len(plan.Steps), what))
	for _, o := range report.Outcomes {
		if o.Err != nil && !errors.Is(o.Err, register.ErrPostponed) {
			fmt.Fprintf(c.App.ErrWriter, "k8s-registrar: error: %s: %v\n", o.Step, o.Err) //nolint:errcheck // nothing is left to tell it to
		}
	}
	done := report.Done(register.Add) + report.Done(register.Update) + report.Done(register.Remove)
	if left := len(report.Outcomes) - done; left > 0 {
		cause := firstCause(report)
		return errOnce(fmt.Errorf("%s of %d left: %w: run the command again", plural(left, "service"), len(report.Outcomes), cause))
	}
	return nil
}

// firstCause is the first cause of what was not done, a refusal too.
func firstCause(report register.Report) error {
	if report.Stopped != nil {
		return report.Stopped
	}
	for _, o := range report.Outcomes {
		if o.Err != nil && !errors.Is(o.Err, register.ErrPostponed) {
			return o.Err
		}
	}
	return register.ErrPostponed
}

// waitFlags are those of commands that can wait for the servers' catalog.
func waitFlags() []cli.Flag {
	return []cli.Flag{
		&cli.BoolFlag{Name: "wait", Usage: "return when the servers' catalog shows it"},
		timeoutFlag(time.Minute),
	}
}

func timeoutFlag(value time.Duration) cli.Flag {
	return &cli.DurationFlag{Name: "timeout", Usage: "wait no longer than `DURATION`", Value: value}
}

// wait returns, if --wait asks for it, when nothing is left of what the catalog does not
// show yet.
func (n node) wait(c *cli.Context, left func(catalog register.Actual) []register.ID) error {
	if !c.Bool("wait") {
		return nil
	}
	this, err := n.local.Node(c.Context)
	if err != nil {
		return errOnce(fmt.Errorf("%w (--wait needs agent read)", err))
	}
	var missing []register.ID
	err = poll(c.Context, c.Duration("timeout"), func(ctx context.Context) (bool, error) {
		catalog, err := n.local.Cataloged(ctx, this, register.Desired{}, n.consul.HasToken())
		if err != nil {
			return false, err
		}
		missing = left(catalog)
		return len(missing) == 0, nil
	})
	if errors.Is(err, errTimeout) {
		return fmt.Errorf("it is done, but after %s the catalog does not show it for %s, first %s", c.Duration("timeout"), plural(len(missing), "service"), missing[0])
	}
	if err != nil {
		return errOnce(err)
	}
	_, err = fmt.Fprintln(c.App.Writer, "The servers' catalog shows it.")
	return err
}

var errTimeout = errors.New("the time is up")

// poll asks again and again until the answer is yes. Errors that may pass do not end it.
func poll(ctx context.Context, limit time.Duration, ask func(context.Context) (bool, error)) error {
	ctx, cancel := context.WithTimeoutCause(ctx, limit, errTimeout)
	defer cancel()
	for {
		done, err := ask(ctx)
		switch {
		case done:
			return nil
		case ctx.Err() != nil && err == nil:
			return context.Cause(ctx)
		case ctx.Err() != nil && !errors.Is(err, ctx.Err()):
			return err
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case err != nil && !agent.Unreachable(err):
			return err
		}
		select {
		case <-ctx.Done():
		case <-time.After(waitPause):
		}
	}
}
