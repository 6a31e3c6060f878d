package main

import (
	"fmt"
	"maps"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/k8s-registrar/k8s-registrar/register"
)

func purgeFlags() []cli.Flag {
	return append(waitFlags(), &cli.BoolFlag{Name: "yes", Usage: "do not ask"})
}

// purge removes all that is ours. A daemon would register it again, and two commands
// would not know of each other: the claim keeps both away.
func purge(c *cli.Context) error {
	n, this, err := openThis(c)
	if err != nil {
		return err
	}
	held, err := n.claim(c, this, "purge")
	if err != nil {
		return err
	}
	defer held.Close() //nolint:errcheck // the process ends
	actual, err := n.local.Actual(c.Context, register.Desired{})
	if err != nil {
		return errOnce(err)
	}
	announced, err := n.local.Announced(c.Context)
	if err != nil {
		return errOnce(err)
	}
	if len(actual.Ours) == 0 && actual.Marker == "" && !announced {
		_, err := fmt.Fprintf(c.App.Writer, "There is nothing of instance %q on node %s.\n", n.config.Instance, this.Name)
		return err
	}
	question := fmt.Sprintf("remove %s of instance %q from node %s", plural(len(actual.Ours), "service"), n.config.Instance, this.Name)
	if err := confirm(c, question); err != nil {
		return err
	}
	if err := n.remove(c, actual); err != nil {
		return err
	}
	if _, err := fmt.Fprintf(c.App.Writer, "Removed %s.\n", plural(len(actual.Ours), "service")); err != nil {
		return err
	}
	return n.wait(c, func(catalog register.Actual) []register.ID {
		return slices.Collect(maps.Keys(catalog.Ours))
	})
}

// remove removes what is ours, the marker and the daemon's own service last: as long as a service is there the node
// stays in maintenance.
func (n node) remove(c *cli.Context, actual register.Actual) error {
	if err := n.apply(c, register.Diff(register.Desired{}, actual), "removing"); err != nil {
		return err
	}
	if err := n.local.Unmark(c.Context); err != nil {
		return errOnce(err)
	}
	if _, err := n.local.Withdraw(c.Context); err != nil {
		return errOnce(err)
	}
	return nil
}
