package main

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/hashicorp/consul/api"

	"github.com/k8s-registrar/k8s-registrar/agent"
)

// The colours of a terminal. All have the same length, so that a table whose cells all
// have one stays straight.
const (
	red, green, yellow, plain = "\x1b[31m", "\x1b[32m", "\x1b[33m", "\x1b[39m"
	reset                     = "\x1b[0m"
)

// painter colours texts, or not.
type painter bool

func (p painter) paint(colour, text string) string {
	if !p {
		return text
	}
	return colour + text + reset
}

// cell is a text from outside that fits into one line of a terminal and cannot drive it.
func cell(text string) string { return strings.Map(harmless, strings.Join(strings.Fields(text), " ")) }

// writeStatus writes what matters, the worst first. Writing to memory cannot fail.
func writeStatus(w io.Writer, s agent.Status, colour bool) {
	p := painter(colour)
	state := p.paint(green, "ready")
	if !s.Ready {
		state = p.paint(red, "not ready")
	}
	fmt.Fprintf(w, "%s  %s  instance %s  %s\n", cell(cmp.Or(s.Node, "(no name yet)")), cell(cmp.Or(s.Address, "-")), cell(s.Instance), state)
	fmt.Fprintf(w, "%s\n\n", cell(s.Sentence()))
	facts := [][2]string{
		{"tree", fmt.Sprintf("%s at index %d, heard %s", s.Watch.Tree, s.Watch.Index, s.Ago(s.Watch.LastSuccess))},
		{"agent", "compared " + s.Ago(s.Reconcile.Last)},
		{"catalog", "verified " + s.Ago(s.Catalog.Verified) + differing(s.Catalog.Diverging)},
		{"configuration", "read " + s.Ago(s.Config.Loaded)},
	}
	if s.Backlog > 0 {
		facts = append(facts, [2]string{"backlog", fmt.Sprintf("%s, %s in all", s.BacklogWords(), plural(s.Desired, "service"))})
	}
	if s.Spread != nil {
		facts = append(facts, [2]string{"spread", s.Spread.Words(s.Ago)})
	}
	for _, fact := range facts {
		fmt.Fprintf(w, "%-14s %s\n", fact[0], cell(fact[1]))
	}
	writeTrouble(w, s, p)
	writeServices(w, s, p)
	writeErrors(w, s)
}

func differing(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf(", %s differ", plural(n, "service"))
}

// writeTrouble writes what a human should look at.
func writeTrouble(w io.Writer, s agent.Status, p painter) {
	trouble := func(colour, what, text string) {
		fmt.Fprintf(w, "\n%s\n    %s\n", p.paint(colour, "! "+cell(what)), cell(text))
	}
	for _, note := range s.Notes() {
		trouble(red, note.What, note.Text)
	}
	if s.Maintenance != nil {
		trouble(yellow, "This node is out of the load balancers", s.MaintenanceWords())
		fmt.Fprintln(w, "    To take it back: k8s-registrar maintenance off")
	}
	for _, waiting := range s.Waiting {
		trouble(yellow, plural(len(waiting.Keys), "removal")+" held", waiting.Why)
		for _, key := range waiting.Keys {
			fmt.Fprintf(w, "    - %s\n", cell(key))
		}
		fmt.Fprintf(w, "    If that is right: k8s-registrar approve %s\n", cell(waiting.Hash))
	}
	problems, warnings := s.Parted()
	for _, problem := range problems {
		trouble(red, cmp.Or(problem.Key, problem.ID)+", since "+s.Ago(problem.Since), problem.Error)
	}
	for _, warning := range warnings {
		trouble(yellow, "warning: "+warning.Key+", since "+s.Ago(warning.Since), warning.Error)
	}
}

func writeServices(w io.Writer, s agent.Status, p painter) {
	if len(s.Services) == 0 {
		return
	}
	fmt.Fprintln(w)
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(table, "SERVICE\tFROM\tPORT\t%s\tCHANGED\tTAGS\n", p.paint(plain, "CHECK"))
	for _, service := range agent.WorstFirst(s.Services) {
		check := p.paint(checkColour(service.Check), cell(cmp.Or(service.Check, "not yet")))
		key := strings.TrimPrefix(service.Key, s.Watch.Tree)
		fmt.Fprintf(table, "%s\t%s\t%d\t%s\t%s\t%s\n", cell(service.Name), cell(key), service.Port, check,
			s.ChangedWords(service), cell(strings.Join(service.Tags, " ")))
	}
	table.Flush() //nolint:errcheck // writing to memory cannot fail
}

func checkColour(status string) string {
	switch status {
	case api.HealthPassing:
		return green
	case api.HealthWarning, api.HealthMaint:
		return yellow
	case api.HealthCritical:
		return red
	default:
		return plain
	}
}

func writeErrors(w io.Writer, s agent.Status) {
	if len(s.Errors) == 0 {
		return
	}
	fmt.Fprintln(w, "\nLast errors:")
	for _, e := range s.Errors {
		fmt.Fprintf(w, "    %s, %s: %s: %s\n", s.Ago(e.Last), plural(e.Count, "time"), cell(e.What), cell(e.Error))
	}
}
