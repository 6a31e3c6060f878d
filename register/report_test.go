package register_test

import (
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/hashicorp/consul/api"

	"github.com/k8s-registrar/k8s-registrar/register"
)

// TestReportErr says which failures make it worth trying again soon.
func TestReportErr(t *testing.T) {
	invalid := fmt.Errorf("register service: %w", api.StatusError{Code: 400, Body: "no"})
	denied := api.StatusError{Code: 403, Body: "no"}
	stopped := errors.New("no leader")
	for _, tt := range []struct {
		what    string
		errs    []error // of a, b, c, ...
		stopped error
		want    string
	}{
		{"nothing", nil, nil, ""},
		{"all fine", []error{nil, nil}, nil, ""},
		{"one failed", []error{nil, io.EOF, nil}, nil, "1 of 3 steps failed, first add b: EOF"},
		{"first of several", []error{denied, io.EOF}, nil, "2 of 2 steps failed, first add a: Unexpected response code: 403 (no)"},
		{"refused for what it is", []error{invalid, nil}, nil, ""},
		{"failed beside refused", []error{invalid, io.EOF}, nil, "1 of 2 steps failed, first add b: EOF"},
		{"waits for one that failed", []error{io.EOF, register.ErrPostponed}, nil, "1 of 2 steps failed, first add a: EOF"},
		{"waits for one that is refused", []error{invalid, register.ErrPostponed}, nil, ""},
		{"stopped", []error{io.EOF, register.ErrPostponed}, stopped, "no leader"},
		{"stopped before the first", []error{register.ErrPostponed}, stopped, "no leader"},
	} {
		t.Run(tt.what, func(t *testing.T) {
			report := register.Report{Stopped: tt.stopped}
			for i, err := range tt.errs {
				step := &register.Step{Action: register.Add, ID: register.ID(rune('a' + i))}
				report.Outcomes = append(report.Outcomes, register.Outcome{Step: step, Err: err})
			}
			var got string
			if err := report.Err(); err != nil {
				got = err.Error()
			}
			equal(t, tt.want, got)
		})
	}
}

// TestLeft is what is still to be tried: not what was done or has failed, what waits, or
// removals that have to follow the one or the other.
func TestLeft(t *testing.T) {
	about := func(action register.Action, id, key, name string) *register.Step {
		step := &register.Step{Action: action, ID: register.ID(id)}
		meta := register.NewMeta(map[string]string{register.MetaKey: key})
		if action == register.Remove {
			step.Have = &register.Registered{Name: name, Meta: meta}
		} else {
			step.Want = register.Registration{Name: name, Meta: meta}
		}
		return step
	}
	waits := func(s *register.Step) *register.Step {
		s.Wait = "failed before"
		return s
	}
	var report register.Report
	for _, o := range []struct {
		step *register.Step
		err  error
	}{
		{about(register.Update, "done", "a", "a"), nil},
		{about(register.Update, "failed", "b", "b"), io.EOF},
		{about(register.Update, "put off", "c", "c"), register.ErrPostponed},
		{waits(about(register.Add, "waits", "d", "d")), register.ErrPostponed},
		{about(register.Remove, "follows a key that waits", "d", "d-old"), register.ErrPostponed},
		{about(register.Remove, "follows what is put off", "c", "c-old"), register.ErrPostponed},
		{waits(about(register.Remove, "a removal that waits", "e", "e")), register.ErrPostponed},
	} {
		report.Outcomes = append(report.Outcomes, register.Outcome{Step: o.step, Err: o.err})
	}
	rest := []*register.Step{
		waits(about(register.Add, "also waits", "f", "f")),
		about(register.Add, "cut off", "g", "g"),
		about(register.Remove, "follows a name that failed", "b-old", "b"),
		about(register.Remove, "follows a name that waits", "f-old", "f"),
		about(register.Remove, "follows what is done", "a", "a-old"),
		about(register.Remove, "follows a removal", "e", "e"),
	}
	equal(t, []register.ID{"put off", "follows what is put off", "cut off", "follows what is done", "follows a removal"}, report.Left(rest))
	equal(t, 0, len(register.Report{}.Left(nil)))
}

func TestReportErrKeepsTheCause(t *testing.T) {
	cause := api.StatusError{Code: 429}
	report := register.Report{Outcomes: []register.Outcome{{Err: fmt.Errorf("register service: %w", cause)}}}
	if got, ok := errors.AsType[api.StatusError](report.Err()); !ok || got != cause {
		t.Errorf("error = %v", report.Err())
	}
}

func TestDoneCountsWhatSucceeded(t *testing.T) {
	step := func(action register.Action, err error) register.Outcome {
		return register.Outcome{Step: &register.Step{Action: action}, Err: err}
	}
	report := register.Report{Outcomes: []register.Outcome{
		step(register.Add, nil), step(register.Add, nil), step(register.Add, io.EOF), step(register.Update, nil), step(register.Remove, register.ErrPostponed),
	}}
	equal(t, []int{2, 1, 0}, []int{report.Done(register.Add), report.Done(register.Update), report.Done(register.Remove)})
}

// TestAfterLeavesTheCheckAsItWas keeps what is known of a check over an update, and
// claims nothing of a new one.
func TestAfterLeavesTheCheckAsItWas(t *testing.T) {
	cart, web := service("shop/cart", 30001), service("shop/web", 30002)
	have := shown(registration(t, service("shop/cart", 30009)))
	const check = prefix + "shop.cart.http.tcp"
	have.Checks = with(have.Checks, check, "critical", "refused")
	a := actual(have)
	a.Marker, a.Unsure = "x", true
	after := a.After(tried(register.Diff(desired(t, cart, web), a), nil))
	if after.Marker != "x" || !after.Unsure {
		t.Error("it forgets that the node is in maintenance")
	}
	var got []string
	for _, id := range []register.ID{idOf(cart), idOf(web)} {
		c, _ := after.Ours[id].Checks.Of(string(id) + ".tcp")
		got = append(got, fmt.Sprintf("%s, %q %q", c.Notes, c.Status, c.Output))
	}
	equal(t, []string{
		`TCP connect to 10.0.0.1:30001 every 10s, timeout 2s, "critical" "refused"`,
		`TCP connect to 10.0.0.1:30002 every 10s, timeout 2s, "" ""`,
	}, got)
	equal(t, 30009, a.Ours[idOf(cart)].Port) // what it was before does not change
	a.Marker, a.Unsure = "kernel", true
	after = a.After(register.Report{})
	equal(t, []any{register.Mark("kernel"), true}, []any{after.Marker, after.Unsure})
}

func TestStatusIsTheWorst(t *testing.T) {
	for _, tt := range []struct {
		statuses []string
		want     string
	}{
		{nil, "passing"},
		{[]string{""}, ""},
		{[]string{"passing", ""}, ""},
		{[]string{"", "critical"}, "critical"},
		{[]string{"passing", "passing"}, "passing"},
		{[]string{"passing", "warning"}, "warning"},
		{[]string{"warning", "critical", "passing"}, "critical"},
	} {
		r := register.Registered{}
		for i, status := range tt.statuses {
			r.Checks = r.Checks.With(register.Check{ID: fmt.Sprint(i), Status: status})
		}
		equal(t, tt.want, r.Status())
	}
	out := register.Registered{ID: "x", Checks: register.Checks{}.
		With(register.Check{ID: "_service_maintenance:x", Status: "critical"}).With(register.Check{ID: "x", Status: "passing"})}
	equal(t, "maintenance", out.Status())
}
