package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/k8s-registrar/k8s-registrar/agent"
	"github.com/k8s-registrar/k8s-registrar/config"
	"github.com/k8s-registrar/k8s-registrar/health"
	"github.com/k8s-registrar/k8s-registrar/kvschema"
	"github.com/k8s-registrar/k8s-registrar/kvschema/kvtree"
	"github.com/k8s-registrar/k8s-registrar/register"
)

func lintFlags() []cli.Flag {
	return []cli.Flag{namespaceFlag(), &cli.BoolFlag{Name: "json", Usage: "print JSON"}}
}

// kvLint says what any node would say of the tree, one line a finding.
func kvLint(c *cli.Context) error {
	cfg, pairs, _, err := pairsToLook(c, c.Args().Present())
	if err != nil {
		return err
	}
	namespaces := c.StringSlice("namespace")
	found := slices.DeleteFunc(lint(cfg, pairs), func(p kvschema.Problem) bool {
		return len(namespaces) > 0 && !slices.Contains(namespaces, p.Namespace)
	})
	if c.Bool("json") {
		err = writeFindingsJSON(c.App.Writer, found)
	} else {
		err = writeFindings(c.App.Writer, found)
	}
	if err != nil {
		return err
	}
	if errors := slices.DeleteFunc(found, func(p kvschema.Problem) bool { return p.Warning }); len(errors) > 0 {
		return codedError{code: exitRuntime}
	}
	return nil
}

// pairsToLook are those of the tree, or what the files hold that are named.
func pairsToLook(c *cli.Context, fromFiles bool) (cfg config.Config, pairs []kvschema.Pair, prefix string, err error) {
	if !fromFiles {
		cfg, tree, err := openTree(c)
		if err != nil {
			return cfg, nil, "", err
		}
		if pairs, err = tree.Read(c.Context); err != nil {
			return cfg, nil, "", errTree(err)
		}
		return cfg, pairs, tree.prefix, nil
	}
	if cfg, err = loadConfig(c); err != nil {
		return cfg, nil, "", err
	}
	input, err := openInput(c)
	if err != nil {
		return cfg, nil, "", err
	}
	defer input.Close() //nolint:errcheck // it was only read
	in, err := kvtree.ReadAll(input)
	prefix = kvschema.Prefix(cfg.KeyPath)
	return cfg, in.Pairs(prefix), prefix, err
}

// lint maps the pairs as a node does and returns what it would say, sorted by key.
func lint(cfg config.Config, pairs []kvschema.Pair) []kvschema.Problem {
	_, found := mappingOf(cfg).Desired(readAll(agent.ReaderOf(cfg), pairs), someNode())
	slices.SortStableFunc(found, func(a, b kvschema.Problem) int { return cmp.Compare(a.Key, b.Key) })
	return found
}

// mappingOf maps as a node does, but for its token.
func mappingOf(cfg config.Config) register.Mapping {
	return register.Mapping{Owner: register.Owner{Instance: cfg.Instance}, Health: health.Settings(cfg.Check)}
}

// someAddress is one that documents may use.
const someAddress = "192.0.2.1"

// someNode stands for any node.
func someNode() register.Node {
	return register.Node{Name: "NODE", Meta: map[string]string{}}.At(netip.MustParseAddr(someAddress))
}

func writeFindings(w io.Writer, found []kvschema.Problem) error {
	var b strings.Builder
	for _, p := range found {
		fmt.Fprintf(&b, "%s %s/%s: %s\n", severityOf(p), p.Namespace, p.Name, strings.Map(harmlessCell, p.Err.Error()))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func severityOf(p kvschema.Problem) string {
	if p.Warning {
		return "warning"
	}
	return "error"
}

func writeFindingsJSON(w io.Writer, found []kvschema.Problem) error {
	type finding struct {
		Severity  string `json:"severity"`
		Namespace string `json:"namespace"`
		Name      string `json:"name"`
		Key       string `json:"key"`
		Text      string `json:"text"`
	}
	views := []finding{}
	for _, p := range found {
		views = append(views, finding{severityOf(p), p.Namespace, p.Name, p.Key, p.Err.Error()})
	}
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(views)
}
