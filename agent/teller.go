package agent

import (
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/go-hclog"

	"github.com/k8s-registrar/k8s-registrar/register"
)

// mostTold is how many problems are logged one by one when many begin at once, as
// they do when a token loses its rights. All of them are in the status.
const mostTold = 20

// teller logs states that last, once when they begin or change and once when they
// end: problems of keys, steps that fail, removals that wait, IDs that somebody else
// uses.
type teller struct {
	log  hclog.Logger
	told map[string]string
}

func (t *teller) tell(pass Pass) {
	now := problems(pass)
	var told int
	for _, what := range slices.Sorted(maps.Keys(now)) {
		if t.told[what] == now[what] {
			continue
		}
		if told++; told <= mostTold {
			t.log.Warn("problem", "what", what, "error", now[what])
		}
	}
	if told > mostTold {
		t.log.Warn("more problems, see the status", "count", told-mostTold)
	}
	for _, what := range slices.Sorted(maps.Keys(t.told)) {
		if _, lasts := now[what]; !lasts {
			t.log.Info("problem is gone", "what", what)
		}
	}
	t.told = now
}

// problems lists what is wrong, by what it is about.
func problems(pass Pass) map[string]string {
	now := map[string]string{}
	for _, p := range pass.Problems {
		now["key "+p.Key] = p.Err.Error()
	}
	for _, id := range pass.Plan.Taken {
		now["id "+string(id)] = takenText
	}
	if held := pass.Plan.Held; len(held) > 0 {
		ids := make([]string, len(held))
		for i, step := range held {
			ids[i] = string(step.ID)
		}
		now["removals"] = heldText(pass) + ": " + strings.Join(ids, " ")
	}
	if withheld := describeWithheld(pass.Snapshot); withheld != "" {
		now["tree"] = withheld
	}
	for _, o := range pass.Report.Outcomes {
		if o.Err != nil && !errors.Is(o.Err, register.ErrPostponed) {
			now["id "+string(o.Step.ID)] = o.Err.Error()
		}
	}
	return now
}
