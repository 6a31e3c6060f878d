package main

import (
	"errors"
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/k8s-registrar/k8s-registrar/config"
	"github.com/k8s-registrar/k8s-registrar/kvschema"
	"github.com/k8s-registrar/k8s-registrar/kvschema/kvtree"
)

// kvCommand is everything about the tree itself. Who may do what is decided by Consul's
// ACLs: bring your own token, as for approve.
func kvCommand() *cli.Command {
	return &cli.Command{
		Name:         "kv",
		Usage:        "show the tree, fill it from Kubernetes, take keys out",
		OnUsageError: usageError,
		Action:       unknownKV,
		Subcommands: []*cli.Command{
			kvSubcommand("ls", "show the tree as a table", "", kvList, namespaceFlag()),
			kvSubcommand("lint", "say what is wrong with the tree, or with what kubectl get services -o json prints", "[FILE...]", kvLint, lintFlags()...),
			kvSubcommand("export", "print the tree as a Kubernetes List", "", kvExport, namespaceFlag()),
			kvSubcommand("import", "make the tree hold what kubectl get services --all-namespaces -o json prints", "[FILE...]", kvImport, importFlags()...),
			kvSubcommand("rm", "take keys out of the tree", "NAMESPACE/SERVICE...", kvRemove, removeFlags()...),
		},
	}
}

// kvSubcommand returns a command that takes arguments, and the whole configuration as
// flags.
func kvSubcommand(name, usage, arguments string, action cli.ActionFunc, own ...cli.Flag) *cli.Command {
	cmd := command(name, usage, action, own...)
	if arguments != "" {
		cmd.ArgsUsage, cmd.Action = arguments, action
	}
	return cmd
}

func unknownKV(c *cli.Context) error {
	name := c.Args().First()
	if name == "" {
		return cli.ShowSubcommandHelp(c)
	}
	hint := cli.SuggestCommand(c.Command.Subcommands, name)
	return codedError{exitUsage, fmt.Errorf("there is no command %q. %s", "kv "+name, hint)}
}

func namespaceFlag() cli.Flag {
	return &cli.StringSliceFlag{
		Name:    "namespace",
		Aliases: []string{"n"},
		Usage:   "look at this `NAMESPACE` only; may be given again",
	}
}

// tree is the tree that the configuration names.
type tree struct {
	kvtree.Store
	prefix string
}

func openTree(c *cli.Context) (config.Config, tree, error) {
	cfg, err := loadConfig(c)
	if err != nil {
		return cfg, tree{}, err
	}
	consul, err := connect(cfg.Consul)
	if err != nil {
		return cfg, tree{}, errConnect(err)
	}
	prefix := kvschema.Prefix(cfg.KeyPath)
	return cfg, tree{kvtree.NewStore(consul.Client, prefix), prefix}, nil
}

// errTree gives an error of reading or writing the tree its exit code.
func errTree(err error) error {
	if errors.Is(err, kvtree.ErrUnknown) {
		return codedError{exitRuntime, err}
	}
	return errOnce(err)
}
