package agent

import (
	"errors"
	"fmt"
	"slices"

	"github.com/hashicorp/go-hclog"

	"github.com/k8s-registrar/k8s-registrar/register"
)

// problem is something that is not as it should be, and what it is about: a key of
// the tree, a service of the local agent, or both.
type problem struct {
	key  string
	id   register.ID
	text string
}

const takenText = "a service of somebody else has this ID: deregister it, or set another instance"

// problems lists what is wrong after a pass.
func problems(pass Pass, v *verifier) []problem {
	var all []problem
	for _, p := range pass.Problems {
		all = append(all, problem{key: p.Key, text: p.Err.Error()})
	}
	for _, id := range pass.Plan.Taken {
		all = append(all, problem{id: id, text: takenText})
	}
	for _, d := range pass.Deferred {
		all = append(all, problem{key: d.Step.Key(), id: d.Step.ID, text: d.Step.Wait})
	}
	for _, o := range pass.Report.Outcomes {
		if o.Err != nil && !errors.Is(o.Err, register.ErrPostponed) {
			all = append(all, problem{key: o.Step.Key(), id: o.Step.ID, text: o.Err.Error()})
		}
	}
	for id, d := range v.lasting() {
		all = append(all, problem{id: id, text: d.name()})
	}
	slices.SortFunc(all, func(a, b problem) int {
		return slices.Compare([]string{a.key, string(a.id), a.text}, []string{b.key, string(b.id), b.text})
	})
	return all
}

// mostTold is how many problems are logged one by one when many begin at once, as
// they do when a token loses its rights. All of them are in the status.
const mostTold = 20

// teller logs states that last, once when they begin and once when they end.
type teller struct {
	log  hclog.Logger
	told map[string]bool
}

func (t *teller) tell(pass Pass, v *verifier) {
	now := map[string]bool{}
	var news int
	begin := func(what string, fields ...any) {
		if now[what] = true; t.told[what] {
			return
		}
		if news++; news <= mostTold {
			t.log.Warn("problem", fields...)
		}
	}
	for _, w := range pass.Waiting {
		begin("removals "+w.Hash, "what", fmt.Sprintf("%d removals wait", len(w.Keys)), "error", w.Why, "to release them", "k8s-registrar approve "+w.Hash)
	}
	for _, p := range problems(pass, v) {
		begin("problem "+p.key+" "+string(p.id), "key", p.key, "id", string(p.id), "error", p.text)
	}
	if news > mostTold {
		t.log.Warn("more problems, see the status", "count", news-mostTold)
	}
	var gone int
	for what := range t.told {
		if !now[what] {
			gone++
		}
	}
	if gone > 0 {
		t.log.Info("problems are gone", "gone", gone, "left", len(now))
	}
	t.told = now
}
