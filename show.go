package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"unicode"

	"golang.org/x/term"

	"github.com/k8s-registrar/k8s-registrar/agent"
	"github.com/k8s-registrar/k8s-registrar/kvschema"
	"github.com/k8s-registrar/k8s-registrar/register"
)

func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}

// writePlan prints a pass as a diff for people.
func writePlan(w io.Writer, pass agent.Pass) error {
	var b strings.Builder
	for _, step := range pass.Plan.Steps {
		writeStep(&b, step)
	}
	for _, step := range pass.Plan.Held {
		fmt.Fprintf(&b, "! hold    %s  (would be removed)\n", step.ID)
	}
	for _, id := range pass.Plan.Taken {
		fmt.Fprintf(&b, "! taken   %s  by a service that is not ours\n", id)
	}
	for _, p := range pass.Problems {
		what := "problem"
		if p.Warning {
			what = "warning"
		}
		fmt.Fprintf(&b, "! %s %s\n    %v\n", what, p.Key, p.Err)
	}
	if b.Len() > 0 {
		b.WriteByte('\n')
	}
	plan := pass.Plan
	if plan.Empty() {
		fmt.Fprintf(&b, "Nothing to do: this node announces the %s that the tree asks for.\n", plural(len(pass.Desired.Want), "service"))
	} else {
		fmt.Fprintf(&b, "Plan for %s: %d to add, %d to update, %d to remove", pass.Node.Name,
			plan.Count(register.Add), plan.Count(register.Update), plan.Count(register.Remove))
		if len(plan.Held) > 0 {
			fmt.Fprintf(&b, ", %s held by the guard", plural(len(plan.Held), "removal"))
		}
		b.WriteString(".\n")
	}
	for _, w := range pass.Waiting {
		fmt.Fprintf(&b, "Held: %s. If that is right: k8s-registrar approve %s\n", w.Why, w.Hash)
	}
	if n := pass.Quarantined(); n > 0 {
		fmt.Fprintf(&b, "%s cannot be announced as it is.\n", plural(n, "key"))
	}
	_, err := io.WriteString(w, strings.Map(harmless, b.String()))
	return err
}

// harmless replaces what would drive a terminal: keys, and what somebody else has
// registered, may hold anything.
func harmless(r rune) rune {
	if unicode.IsControl(r) && r != '\n' {
		return unicode.ReplacementChar
	}
	return r
}

func writeStep(b *strings.Builder, step *register.Step) {
	sign := map[register.Action]string{register.Add: "+", register.Update: "~", register.Remove: "-"}[step.Action]
	fmt.Fprintf(b, "%s %-7s %s\n", sign, step.Action, step.ID)
	switch step.Action {
	case register.Add:
		fmt.Fprintf(b, "    name: %s\n    port: %d\n", step.Want.Name, step.Want.Port)
		if step.Want.Address != "" {
			fmt.Fprintf(b, "    address: %s\n", step.Want.Address)
		}
		if w := step.Want.Weights; w != nil {
			fmt.Fprintf(b, "    weights: %d/%d\n", w.Passing, w.Warning)
		}
		for _, tag := range kvschema.Shown(step.Want.Tags) {
			fmt.Fprintf(b, "    tag: %s\n", tag)
		}
		if step.Want.Check != nil {
			fmt.Fprintf(b, "    check: %s\n", step.Want.Check.Notes())
		}
		fallthrough // it may enter maintenance mode
	case register.Update:
		for _, change := range step.Changes {
			fmt.Fprintf(b, "    %s\n", change)
		}
	case register.Remove:
		fmt.Fprintf(b, "    name: %s\n    port: %d\n", step.Have.Name, step.Have.Port)
	}
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// planJSON is the plan for programs.
type planJSON struct {
	Node     string          `json:"node"`
	Address  string          `json:"address"`
	Index    uint64          `json:"index"`
	Desired  int             `json:"desired"`
	Steps    []stepJSON      `json:"steps"`
	Held     []stepJSON      `json:"held"`
	Waiting  []agent.Waiting `json:"waiting"`
	Taken    []register.ID   `json:"taken"`
	Problems []problemJSON   `json:"problems"`
}

type stepJSON struct {
	Action  register.Action   `json:"action"`
	ID      register.ID       `json:"id"`
	Name    string            `json:"name"`
	Key     string            `json:"key"`
	Port    int               `json:"port"`
	Tags    []string          `json:"tags"`
	Changes []register.Change `json:"changes,omitempty"`
}

type problemJSON struct {
	Key   string `json:"key"`
	Error string `json:"error"`
	// Warning tells that the key is announced all the same.
	Warning bool `json:"warning,omitempty"`
}

func planView(pass agent.Pass) planJSON {
	view := planJSON{
		Node:     pass.Node.Name,
		Address:  pass.Node.Address.String(),
		Index:    pass.Belief.Snapshot.Index,
		Desired:  len(pass.Desired.Want),
		Steps:    stepViews(pass.Plan.Steps),
		Held:     stepViews(pass.Plan.Held),
		Waiting:  append([]agent.Waiting{}, pass.Waiting...),
		Taken:    append([]register.ID{}, pass.Plan.Taken...),
		Problems: []problemJSON{},
	}
	for _, p := range pass.Problems {
		view.Problems = append(view.Problems, problemJSON{Key: p.Key, Error: p.Err.Error(), Warning: p.Warning})
	}
	return view
}

func stepViews(steps []*register.Step) []stepJSON {
	views := []stepJSON{}
	for _, s := range steps {
		view := stepJSON{Action: s.Action, ID: s.ID, Name: s.Name(), Key: s.Key(), Port: s.Want.Port, Tags: kvschema.Shown(s.Want.Tags), Changes: s.Changes}
		if s.Action == register.Remove {
			view.Port, view.Tags = s.Have.Port, kvschema.Shown(s.Have.Tags)
		}
		views = append(views, view)
	}
	return views
}
