package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
)

// A failing is what became of one drill while its protection was switched off.
type failing struct {
	mutation string
	row      row
}

// prove switches the protections off, one after the other, and sees the drills fail that
// they decide. Nothing of it happens in the work tree.
func prove(ctx context.Context, o options) int {
	var proofs []failing
	for _, m := range chosenMutations(o.only) {
		fmt.Printf("--- without: %s\n", m.what)
		seen, err := m.prove(ctx, o)
		if err != nil {
			fmt.Fprintln(os.Stderr, "drill:", err)
			return 1
		}
		proofs = append(proofs, seen...)
	}
	return printProofs(os.Stdout, proofs, o.only == "")
}

// chosenMutations returns those of which a drill, or the text, is chosen.
func chosenMutations(only string) []mutation {
	var chosen []mutation
	for _, m := range mutations() {
		if slices.ContainsFunc(strings.Split(only, ","), func(text string) bool {
			return strings.Contains(m.what, text) || slices.ContainsFunc(m.rows, func(row string) bool { return strings.Contains(row, text) })
		}) {
			chosen = append(chosen, m)
		}
	}
	return chosen
}

// prove runs the drills that the mutation decides.
func (m mutation) prove(ctx context.Context, o options) ([]failing, error) {
	dir, err := os.MkdirTemp("", "drill-proof-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	if err := copyTree(ctx, dir); err != nil {
		return nil, err
	}
	if err := m.apply(dir); err != nil {
		return nil, err
	}
	o.registrar = filepath.Join(dir, "registrar")
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", o.registrar, ".")
	build.Dir, build.Env = dir, append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=-buildvcs=false")
	if out, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build without %s: %w\n%s", m.what, err, out)
	}
	p, err := newPark(o.consul, o.registrar, o.policy)
	if err != nil {
		return nil, err
	}
	defer p.close()
	return m.judge(ctx, p, o), nil
}

// judge runs the drills, and searches all that was written for secrets.
func (m mutation) judge(ctx context.Context, p *park, o options) []failing {
	var all []drill
	for _, d := range drills() {
		if slices.Contains(m.rows, d.name) || slices.Contains(m.with, d.name) {
			all = append(all, d)
		}
	}
	rows := runAll(ctx, p, all, o.parallel, o.verbose)
	var proofs []failing
	for _, r := range append(rows, p.secretsRow()) {
		if slices.Contains(m.rows, r.name) {
			proofs = append(proofs, failing{m.what, r})
		}
	}
	return proofs
}

// copyTree copies the files of the work tree, as they are now, without what git ignores.
func copyTree(ctx context.Context, to string) error {
	list, err := exec.CommandContext(ctx, "git", "ls-files", "-z", "--cached", "--others", "--exclude-standard").Output()
	if err != nil {
		return fmt.Errorf("list files: %w (run it in the root of the repository)", err)
	}
	for name := range bytes.SplitSeq(bytes.TrimSuffix(list, []byte{0}), []byte{0}) {
		if err := copyFile(string(name), filepath.Join(to, string(name))); err != nil {
			return err
		}
	}
	return nil
}

func copyFile(from, to string) error {
	text, err := os.ReadFile(from)
	if os.IsNotExist(err) {
		return nil // it is removed, and not yet committed
	}
	if err == nil {
		err = os.MkdirAll(filepath.Dir(to), 0o700)
	}
	if err == nil {
		err = os.WriteFile(to, text, 0o600)
	}
	return err
}

// printProofs prints all of them and returns the exit code.
func printProofs(w io.Writer, proofs []failing, whole bool) int {
	fmt.Fprintln(w)
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "fault\twithout\tlost (service-s)\tcame to\tproven")
	var unproven int
	for _, p := range proofs {
		proven := "yes"
		if p.row.passed() {
			proven = "NO"
			unproven++
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", p.row.name, shorten(p.mutation, 60), seconds(p.row.lost), p.row.verdict(), proven)
	}
	if whole {
		for name, why := range undecided() {
			fmt.Fprintf(table, "%s\tnothing of ours decides it: %s\t\t\t-\n", name, why)
		}
	}
	_ = table.Flush()
	fmt.Fprintf(w, "\n%d drills with their protection off, %d of them did not fail\n", len(proofs), unproven)
	return min(unproven, 1)
}
