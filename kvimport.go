package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
	"golang.org/x/term"

	"github.com/k8s-registrar/k8s-registrar/agent"
	"github.com/k8s-registrar/k8s-registrar/config"
	"github.com/k8s-registrar/k8s-registrar/kvschema/kvtree"
)

// serviceTypes are all that Kubernetes knows.
func serviceTypes() []string {
	return []string{"NodePort", "LoadBalancer", "ClusterIP", "ExternalName"}
}

func importFlags() []cli.Flag {
	return []cli.Flag{
		namespaceFlag(),
		&cli.StringSliceFlag{Name: "type", Usage: "give a key to Services of this `TYPE`; may be given again", DefaultText: "services.types"},
		&cli.BoolFlag{Name: "prune", Usage: "take out the keys of Services that are gone, as many as guard.min and guard.percent allow"},
		&cli.BoolFlag{Name: "selection", Usage: "with --prune: the input is a selection, as by kubectl's -l, and the tree shall hold only that"},
		&cli.BoolFlag{Name: "watch", Usage: "follow kubectl get --watch --output-watch-events, until it ends"},
		&cli.BoolFlag{Name: "dry-run", Usage: "show what would be written, and write nothing"},
		&cli.BoolFlag{Name: "quiet", Aliases: []string{"q"}, Usage: "say nothing but errors"},
	}
}

func kvImport(c *cli.Context) error {
	if err := checkImport(c); err != nil {
		return err
	}
	input, err := openInput(c)
	if err != nil {
		return err
	}
	defer input.Close() //nolint:errcheck // it was only read
	cfg, tree, err := openTree(c)
	if err != nil {
		return err
	}
	i := newImporter(c, cfg, tree)
	if c.Bool("watch") {
		return i.watch(c.Context, input)
	}
	in, err := kvtree.ReadAll(input)
	if err != nil {
		return err
	}
	if c.Bool("prune") && !cfg.Guard.AllowRemovals {
		if err := in.CheckPrune(c.Bool("selection") || len(i.options.Namespaces) > 0); err != nil {
			return err
		}
	}
	result, err := i.pass(c.Context, in)
	if err != nil {
		return err
	}
	return result.err()
}

func checkImport(c *cli.Context) error {
	for _, kind := range c.StringSlice("type") {
		if !slices.Contains(serviceTypes(), kind) {
			return codedError{exitUsage, fmt.Errorf("--type %s: want one of %s", kind, strings.Join(serviceTypes(), ", "))}
		}
	}
	for _, argument := range c.Args().Slice() {
		if len(argument) > 1 && strings.HasPrefix(argument, "-") {
			return codedError{exitUsage, fmt.Errorf("import takes options before files: %s comes too late", argument)}
		}
	}
	return nil
}

func newImporter(c *cli.Context, cfg config.Config, tree tree) *importer {
	prune := kvtree.PruneNothing
	switch {
	case c.Bool("prune") && c.Bool("watch"):
		prune = kvtree.PruneDeleted // a watch never tells that it was all
	case c.Bool("prune"):
		prune = kvtree.PruneAbsent
	}
	types := c.StringSlice("type")
	if len(types) == 0 {
		types = cfg.Services.Types
	}
	return &importer{
		tree:   tree,
		reader: agent.ReaderOf(cfg),
		options: kvtree.Options{
			Types:      types,
			Namespaces: c.StringSlice("namespace"),
			Prune:      prune,
			Budget:     kvtree.Budget{Min: cfg.Guard.Min, Percent: cfg.Guard.Percent, Unlimited: cfg.Guard.AllowRemovals},
		},
		out: c.App.Writer, errs: c.App.ErrWriter, quiet: c.Bool("quiet"), dryRun: c.Bool("dry-run"), follows: c.Bool("watch"),
	}
}

// files are read one after the other.
type files struct {
	io.Reader
	open []*os.File
}

func (f files) Close() error {
	var errs []error
	for _, file := range f.open {
		errs = append(errs, file.Close())
	}
	return errors.Join(errs...)
}

// openInput opens the files that are named, or standard input.
func openInput(c *cli.Context) (io.ReadCloser, error) {
	names := c.Args().Slice()
	if len(names) == 0 {
		names = []string{"-"}
	}
	var all files
	var readers []io.Reader
	for _, name := range names {
		if name == "-" {
			if file, ok := c.App.Reader.(*os.File); ok && term.IsTerminal(int(file.Fd())) {
				return nil, codedError{exitUsage, errors.New("import reads standard input: kubectl get services --all-namespaces -o json | k8s-registrar kv import")}
			}
			readers = append(readers, c.App.Reader)
			continue
		}
		file, err := os.Open(name)
		if err != nil {
			return nil, errors.Join(err, all.Close())
		}
		all.open, readers = append(all.open, file), append(readers, file)
	}
	all.Reader = io.MultiReader(readers...)
	return all, nil
}
