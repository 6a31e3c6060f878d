package agent

import (
	"errors"
	"testing"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/k8s-registrar/k8s-registrar/register"
)

// leaving is a pass in which services of these names are removed.
func leaving(err error, names ...string) Pass {
	var pass Pass
	for _, name := range names {
		have := &register.Registered{ID: register.ID(name), Meta: register.NewMeta(map[string]string{register.MetaKey: "key/" + name})}
		step := &register.Step{Action: register.Remove, ID: have.ID, Have: have}
		pass.Plan.Steps = append(pass.Plan.Steps, step)
		pass.Report.Outcomes = append(pass.Report.Outcomes, register.Outcome{Step: step, Err: err})
	}
	return pass
}

// TestGuardCountsEachRemovalOnce: also one whose answer was lost may have happened.
func TestGuardCountsEachRemovalOnce(t *testing.T) {
	lost := errors.New("EOF")
	for _, row := range []struct {
		name   string
		passes []Pass
		want   int
	}{
		{"done", []Pass{leaving(nil, "a", "b")}, 2},
		{"refused", []Pass{leaving(api.StatusError{Code: 403}, "a")}, 0},
		{"not tried", []Pass{leaving(register.ErrPostponed, "a")}, 0},
		{"answer lost", []Pass{leaving(lost, "a")}, 1},
		{"answer lost, and tried again", []Pass{leaving(lost, "a"), leaving(lost, "a"), leaving(nil, "a")}, 1},
		{"came back and went again", []Pass{leaving(nil, "a"), leaving(nil, "a")}, 2},
	} {
		t.Run(row.name, func(t *testing.T) {
			var g guard
			for _, pass := range row.passes {
				g.note(pass, noon)
			}
			if len(g.gone) != row.want {
				t.Errorf("counted %v, want %d", g.gone, row.want)
			}
		})
	}
}

// An approval ends with what it was given for: keys that are back, or that somebody
// else removed, have to be approved again.
func TestApprovalEndsWithItsRemoval(t *testing.T) {
	g := guard{budget: register.Budget{Min: 1}}
	g.release([]string{"key/a", "key/b", "key/c"}, noon.Add(time.Hour))
	plan := g.hold(leaving(nil, "a", "b").Plan, register.Desired{}, 3, noon)
	if len(plan.Held) != 0 || len(plan.Steps) != 2 {
		t.Errorf("held %v of what is approved", plan.Held)
	}
	plan = g.hold(leaving(nil, "a", "b", "c").Plan, register.Desired{}, 3, noon)
	if len(plan.Held) != 0 {
		t.Errorf("held %v: c alone is within the budget", plan.Held)
	}
	if _, released := g.released["key/c"]; released {
		t.Error("c is still released, though it did not leave when it was approved")
	}
}
