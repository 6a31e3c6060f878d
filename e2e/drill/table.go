package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
)

// A row is what came of one drill.
type row struct {
	name    string
	lost    time.Duration // service-seconds that the invariants forbid
	named   string        // how /status named the fault
	silent  bool          // nothing has to be named: nobody could notice
	recover time.Duration // from the end of the fault until all was well
	err     error
	notes   []string
	logs    string
	took    time.Duration
}

func (r row) passed() bool { return r.err == nil && r.lost == 0 && (r.named != "" || r.silent) }

func (r row) verdict() string {
	switch {
	case r.err != nil:
		return "FAILED"
	case r.lost > 0:
		return "LOST"
	case r.named == "" && !r.silent:
		return "NOT NAMED"
	}
	return "ok"
}

// tell prints a row as soon as it is known.
func (r row) tell(w io.Writer, verbose bool) {
	fmt.Fprintf(w, "%-9s %s (%s): lost %s, recovered in %s\n", r.verdict(), r.name, round(r.took), seconds(r.lost), round(r.recover))
	if r.named != "" {
		fmt.Fprintf(w, "          named: %s\n", r.named)
	}
	for _, note := range r.notes {
		fmt.Fprintf(w, "          note: %s\n", note)
	}
	if r.err != nil {
		fmt.Fprintf(w, "          error: %v\n", r.err)
	}
	if verbose {
		fmt.Fprintf(w, "--- log\n%s---\n", r.logs)
	}
}

// printTable prints all rows and returns the exit code.
func printTable(w io.Writer, rows []row) int {
	fmt.Fprintln(w)
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "fault\tlost (service-s)\theld/named as\ttime to recover\tverdict")
	failed := 0
	for _, r := range rows {
		named := r.named
		if named == "" && r.silent {
			named = "(nothing to name)"
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", r.name, seconds(r.lost), shorten(named, 70), round(r.recover), r.verdict())
		if !r.passed() {
			failed++
		}
	}
	_ = table.Flush()
	fmt.Fprintf(w, "\n%d drills, %d failed\n", len(rows), failed)
	if failed > 0 {
		return 1
	}
	return 0
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.1f", d.Seconds()) }

func round(d time.Duration) string {
	if d == 0 {
		return "-"
	}
	return d.Round(100 * time.Millisecond).String()
}

// shorten returns the first n characters of a text, on one line.
func shorten(text string, n int) string {
	runes := []rune(strings.Join(strings.Fields(text), " "))
	if len(runes) <= n {
		return string(runes)
	}
	return string(runes[:n-3]) + "..."
}
