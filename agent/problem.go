package agent

import (
	"cmp"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/k8s-registrar/k8s-registrar/register"
)

// problem is something that is not as it should be, and what it is about: a key of
// the tree, a service of the local agent, or both.
type problem struct {
	key  string
	id   register.ID
	text string
	// kind tells problems of one service apart. Those of a key have none: a value may
	// have many, each with its own text.
	kind string
	// warning tells that the key is announced all the same.
	warning bool
}

const takenText = "a service of somebody else has this ID: deregister it, or set another instance"

// state names the problem for as long as it lasts. The text of what Consul answers may be
// another one at each try; that of a value stays for as long as the value does.
func (p problem) state() string {
	text := p.text
	if p.kind != "" {
		text = p.kind
	}
	return "problem " + p.key + " " + string(p.id) + " " + text
}

// problems lists what is wrong after a pass, and behind it what only may be.
func problems(pass Pass, v *verifier) []problem {
	var all []problem
	for _, p := range pass.Problems {
		all = append(all, problem{key: p.Key, text: p.Err.Error(), warning: p.Warning})
	}
	for _, id := range pass.Plan.Taken {
		all = append(all, problem{id: id, text: takenText, kind: "taken"})
	}
	for _, d := range pass.Deferred {
		all = append(all, problem{key: d.Step.Key(), id: d.Step.ID, text: d.Step.Wait, kind: "step"})
	}
	for _, o := range pass.Report.Outcomes {
		if o.Err != nil && !errors.Is(o.Err, register.ErrPostponed) {
			all = append(all, problem{key: o.Step.Key(), id: o.Step.ID, text: o.Err.Error(), kind: "step"})
		}
	}
	for id, d := range v.lasting() {
		kind := "catalog"
		if d.resends >= manyResends {
			kind = "catalog, and not by chance"
		}
		all = append(all, problem{id: id, text: d.name(), kind: kind})
	}
	slices.SortFunc(all, func(a, b problem) int {
		return cmp.Or(a.rank()-b.rank(), strings.Compare(a.key, b.key), strings.Compare(string(a.id), string(b.id)), strings.Compare(a.text, b.text))
	})
	return all
}

// rank puts warnings last, where they crowd out nothing that is cut short.
func (p problem) rank() int {
	if p.warning {
		return 1
	}
	return 0
}

// problemStatuses lists what is wrong. What was wrong before keeps its time: of a value
// each problem by itself, of a service all that was met at it.
func problemStatuses(current []problem, before []ProblemStatus, now time.Time) []ProblemStatus {
	type about struct{ key, id, text string }
	nameOf := func(s ProblemStatus) about {
		if s.ID != "" {
			return about{key: s.Key, id: s.ID}
		}
		return about{key: s.Key, text: s.Error}
	}
	since := map[about]time.Time{}
	for _, old := range before {
		since[nameOf(old)] = old.Since
	}
	statuses := []ProblemStatus{}
	for _, p := range current {
		status := ProblemStatus{Key: p.key, ID: string(p.id), Error: p.text, Since: now, Warning: p.warning}
		if old, lasts := since[nameOf(status)]; lasts {
			status.Since = old
		}
		statuses = append(statuses, status)
	}
	return statuses
}
