package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/k8s-registrar/k8s-registrar/kvschema"
	"github.com/k8s-registrar/k8s-registrar/kvschema/kvtree"
)

func removeFlags() []cli.Flag {
	return []cli.Flag{&cli.BoolFlag{Name: "yes", Aliases: []string{"y"}, Usage: "do not ask"}}
}

// kvRemove takes out what is named, word for word. There is no pattern and no budget: a
// human has named each one, and the nodes have a guard of their own.
func kvRemove(c *cli.Context) error {
	names := c.Args().Slice()
	if len(names) == 0 {
		return codedError{exitUsage, errors.New("rm takes one argument or more, NAMESPACE/SERVICE, after all options")}
	}
	_, tree, err := openTree(c)
	if err != nil {
		return err
	}
	var wrong []error
	for _, name := range names {
		if _, ours := kvschema.RefOf(tree.prefix, kvschema.Pair{Key: tree.prefix + name}); !ours || strings.HasPrefix(name, "-") {
			wrong = append(wrong, fmt.Errorf("%q is no NAMESPACE/SERVICE", name))
		}
	}
	if len(wrong) > 0 {
		return codedError{exitUsage, errors.Join(wrong...)}
	}
	pairs, err := tree.Read(c.Context)
	if err != nil {
		return errTree(err)
	}
	removals, missing := named(kvtree.Entries(tree.prefix, pairs, nil), names)
	if len(removals) > 0 && !c.Bool("yes") {
		if err := confirmRemoval(c, removals); err != nil {
			return err
		}
	}
	return removeKeys(c, tree, removals, missing)
}

// named finds what is named, each once, and says what there is not.
func named(entries []kvtree.Entry, names []string) (removals []kvtree.Change, missing []string) {
	for i, name := range names {
		at := slices.IndexFunc(entries, func(e kvtree.Entry) bool { return e.Namespace+"/"+e.Name == name })
		switch {
		case slices.Contains(names[:i], name):
		case at < 0:
			missing = append(missing, name)
		default:
			removals = append(removals, entries[at].Removal())
		}
	}
	return removals, missing
}

func removeKeys(c *cli.Context, tree tree, removals []kvtree.Change, missing []string) error {
	failed := len(missing)
	for _, name := range missing {
		fmt.Fprintf(c.App.ErrWriter, "k8s-registrar: error: %s: there is no key %s\n", name, tree.prefix+name) //nolint:errcheck // nothing is left to tell it to
	}
	err := tree.Write(c.Context, removals, func(o kvtree.Outcome) {
		if o.Err != nil {
			failed++
			writeFailure(c.App.ErrWriter, o.Ref, o.Err)
			return
		}
		fmt.Fprintf(c.App.Writer, "Removed %s\n", o.Key) //nolint:errcheck // it is removed all the same
	})
	switch {
	case err != nil:
		return errTree(err)
	case failed > 0:
		return fmt.Errorf("%s could not be removed", plural(failed, "key"))
	}
	return nil
}

// confirmRemoval shows what would go, and asks.
func confirmRemoval(c *cli.Context, removals []kvtree.Change) error {
	for _, r := range removals {
		fmt.Fprintf(c.App.ErrWriter, "- remove  %s/%s\n", r.Namespace, r.Name) //nolint:errcheck // the question says how many
	}
	return confirm(c, fmt.Sprintf("remove %s, which all nodes then stop announcing", plural(len(removals), "key")))
}
