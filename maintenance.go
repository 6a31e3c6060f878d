package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"unicode"

	"github.com/urfave/cli/v2"

	"github.com/k8s-registrar/k8s-registrar/register"
)

// maxReason bounds the reason text: everybody who reads the catalog gets it with each
// service.
const maxReason = 200

func maintenanceCommand() *cli.Command {
	on := append(waitFlags(), &cli.StringFlag{Name: "reason", Usage: "say why, for all who look"},
		&cli.BoolFlag{Name: "now", Usage: "do not wait for other nodes to take over, where services are spread"})
	return &cli.Command{
		Name:         "maintenance",
		Usage:        "take this node out of the load balancers, and back",
		OnUsageError: usageError,
		Action:       maintenanceWhat,
		Subcommands: []*cli.Command{
			command("on", "take it out: every service of ours enters maintenance mode, new ones too", maintenanceOn, on...),
			command("off", "take it back: the services leave the maintenance mode that on has set", maintenanceOff, waitFlags()...),
		},
	}
}

func maintenanceWhat(c *cli.Context) error {
	return codedError{exitUsage, fmt.Errorf("maintenance wants on or off, not %q", c.Args().First())}
}

// maintenanceOn sets the marker first: from then on a daemon does the same, and finishes
// it if we do not.
func maintenanceOn(c *cli.Context) error {
	reason := c.String("reason")
	if len(reason) > maxReason || strings.ContainsFunc(reason, unicode.IsControl) {
		return codedError{exitUsage, fmt.Errorf("--reason: want one line of at most %d bytes", maxReason)}
	}
	n, err := openNode(c)
	if err != nil {
		return err
	}
	mark := register.ByCommand.Mark(cmp.Or(reason, "by "+caller()))
	switch err := n.local.Mark(c.Context, mark); {
	case errors.Is(err, register.ErrTaken):
		return err
	case err != nil:
		return errOnce(err)
	}
	actual, err := n.local.Actual(c.Context, register.Desired{})
	if err != nil {
		return errOnce(err)
	}
	if actual, err = n.handOver(c, actual); err != nil {
		return errOnce(err)
	}
	if err := n.apply(c, register.Plan{}.Maintain(actual.Standing(), actual), "entering"); err != nil {
		return err
	}
	fmt.Fprintf(c.App.Writer, "This node is out of the load balancers with %s: %s.\n", plural(len(actual.Ours), "service"), actual.Marker) //nolint:errcheck // the next one is looked at
	if _, err := fmt.Fprintln(c.App.Writer, "It stays out, with new services too, until k8s-registrar maintenance off."); err != nil {
		return err
	}
	return n.wait(c, func(catalog register.Actual) []register.ID {
		return unlike(n.left(actual, catalog), catalog, true)
	})
}

// left returns what is left on the node: what others have taken over goes from there.
func (n node) left(actual, catalog register.Actual) register.Actual {
	left := register.Actual{Ours: maps.Clone(actual.Ours)}
	if n.config.Spread.Copies > 0 {
		maps.DeleteFunc(left.Ours, func(id register.ID, _ *register.Registered) bool {
			_, there := catalog.Ours[id]
			return !there
		})
	}
	return left
}

// handOver waits until the daemon has taken the services out, which it does one by one as
// other nodes take over, where services are spread. After the time that it has for that,
// they are taken out here. It returns what the node holds then.
func (n node) handOver(c *cli.Context, actual register.Actual) (register.Actual, error) {
	if n.config.Spread.Copies == 0 || c.Bool("now") {
		return actual, nil
	}
	fmt.Fprintf(c.App.ErrWriter, "Waiting up to %s for other nodes to take over; --now does not.\n", register.HandOver) //nolint:errcheck // nothing is left to tell it to
	err := poll(c.Context, register.HandOver, func(ctx context.Context) (bool, error) {
		var err error
		actual, err = n.local.Actual(ctx, register.Desired{})
		for _, have := range actual.Ours {
			if _, out := have.Maintenance(); !out {
				return false, err
			}
		}
		return err == nil, err
	})
	if errors.Is(err, errTimeout) {
		return n.local.Actual(c.Context, register.Desired{})
	}
	return actual, err
}

// maintenanceOff removes the marker first: a daemon must not put back what we lift.
func maintenanceOff(c *cli.Context) error {
	n, err := openNode(c)
	if err != nil {
		return err
	}
	if err := n.local.Unmark(c.Context); err != nil {
		return errOnce(err)
	}
	actual, err := n.local.Actual(c.Context, register.Desired{})
	if err != nil {
		return errOnce(err)
	}
	plan := register.Plan{}.Maintain(register.Maintenance{Lift: []register.Kind{register.ByCommand}}, actual)
	if err := n.apply(c, plan, "leaving"); err != nil {
		return err
	}
	lifted := register.Actual{Ours: map[register.ID]*register.Registered{}}
	for _, step := range plan.Steps {
		lifted.Ours[step.ID] = step.Have
	}
	fmt.Fprintf(c.App.Writer, "This node is not in maintenance: %s left it.\n", plural(len(plan.Steps), "service")) //nolint:errcheck // the next one is looked at
	if err := sayOthers(c, actual, lifted); err != nil {
		return err
	}
	return n.wait(c, func(catalog register.Actual) []register.ID {
		return unlike(lifted, catalog, false)
	})
}

// sayOthers names the services that stay out, and whose doing that is.
func sayOthers(c *cli.Context, actual, lifted register.Actual) error {
	var b strings.Builder
	for id, have := range actual.Ours {
		mark, on := have.Maintenance()
		_, left := lifted.Ours[id]
		switch {
		case !on || left:
		case mark.Is(register.ByStop):
			fmt.Fprintf(&b, "%s stays out until the daemon runs, since that stopped.\n", id)
		default:
			fmt.Fprintf(&b, "%s stays out, which is not ours to end: %s\n", id, mark)
		}
	}
	_, err := fmt.Fprint(c.App.Writer, strings.Map(harmless, b.String()))
	return err
}

// unlike returns the services that the catalog does not show in maintenance mode, or
// still shows in it.
func unlike(actual, catalog register.Actual, want bool) []register.ID {
	var ids []register.ID
	for id := range actual.Ours {
		held, there := catalog.Ours[id]
		if _, on := held.Maintenance(); on != want || want && !there {
			ids = append(ids, id)
		}
	}
	return ids
}
