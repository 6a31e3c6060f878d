package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/urfave/cli/v2"

	"github.com/k8s-registrar/k8s-registrar/agent"
	"github.com/k8s-registrar/k8s-registrar/kvschema"
	"github.com/k8s-registrar/k8s-registrar/kvschema/kvtree"
)

// kvList prints the tree for people.
func kvList(c *cli.Context) error {
	cfg, tree, err := openTree(c)
	if err != nil {
		return err
	}
	pairs, err := tree.Read(c.Context)
	if err != nil {
		return errTree(err)
	}
	entries := kvtree.Entries(tree.prefix, pairs, c.StringSlice("namespace"))
	return writeTree(c.App.Writer, entries, readAll(agent.ReaderOf(cfg), pairs))
}

// readAll reads pairs as every node does.
func readAll(reader kvschema.Reader, pairs []kvschema.Pair) kvschema.Tree {
	var readings []*kvschema.Reading
	for _, pair := range pairs {
		if reading, ours := reader.Read(pair, nil); ours {
			readings = append(readings, reading)
		}
	}
	return kvschema.Compose(readings)
}

func writeTree(w io.Writer, entries []kvtree.Entry, read kvschema.Tree) error {
	tags, problems := map[string][]string{}, map[string]error{}
	for _, s := range read.Services {
		tags[s.Key] = kvschema.Shown(s.TagsOf(0))
	}
	for _, p := range read.Problems {
		problems[p.Key] = p.Err
	}
	var b strings.Builder
	table := tabwriter.NewWriter(&b, 0, 0, 3, ' ', 0)
	fmt.Fprintln(table, "NAMESPACE\tNAME\tTYPE\tPORTS\tTAGS")
	for _, e := range entries {
		last := strings.Join(tags[e.Key], ", ")
		if err := problems[e.Key]; err != nil {
			last = "! " + err.Error()
		}
		row := []string{e.Namespace, e.Name, orDash(e.Type()), orDash(strings.Join(e.Ports(), ",")), orDash(last)}
		for i := range row {
			row[i] = strings.Map(harmlessCell, row[i])
		}
		fmt.Fprintln(table, strings.Join(row, "\t"))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// harmlessCell keeps a text in its cell.
func harmlessCell(r rune) rune {
	if r == '\n' {
		return ' '
	}
	return harmless(r)
}

func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

// kvExport prints the tree for programs.
func kvExport(c *cli.Context) error {
	_, tree, err := openTree(c)
	if err != nil {
		return err
	}
	pairs, err := tree.Read(c.Context)
	if err != nil {
		return errTree(err)
	}
	list, problems, err := kvtree.Export(kvtree.Entries(tree.prefix, pairs, c.StringSlice("namespace")))
	if err != nil {
		return err
	}
	if _, err := c.App.Writer.Write(list); err != nil {
		return err
	}
	writeProblems(c.App.ErrWriter, problems)
	if n := len(problems); n > 0 {
		return fmt.Errorf("%s left out", plural(n, "key"))
	}
	return nil
}

func writeProblems(w io.Writer, problems []kvschema.Problem) {
	for _, p := range problems {
		writeFailure(w, p.Ref, p.Err)
	}
}

// writeFailure says what is wrong with one Service, on a line of its own.
func writeFailure(w io.Writer, ref kvschema.Ref, err error) {
	text := fmt.Sprintf("%s/%s: %v", ref.Namespace, ref.Name, err)
	fmt.Fprintf(w, "k8s-registrar: error: %s\n", strings.Map(harmlessCell, text))
}
