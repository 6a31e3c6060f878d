package register

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"time"

	"github.com/hashicorp/consul/api"
)

// Outcome is what became of one step.
type Outcome struct {
	Step *Step
	// Err is nil if the agent accepted the step.
	Err error
	// Took is how long the call took.
	Took time.Duration
}

// ErrPostponed is the outcome of a step that was not tried, since an earlier one or
// the servers did not allow it. The next pass plans it again.
var ErrPostponed = errors.New("postponed")

// Report is what became of a plan.
type Report struct {
	// Outcomes are in the order of the plan.
	Outcomes []Outcome
	// Stopped is why the whole plan was given up on the way; nil if it was not.
	Stopped error
	// Yielded tells that there was something more urgent than the rest.
	Yielded bool
}

// Done counts the steps of an action that succeeded.
func (r Report) Done(action Action) int {
	var n int
	for _, o := range r.Outcomes {
		if o.Err == nil && o.Step.Action == action {
			n++
		}
	}
	return n
}

// Tried counts the steps that were tried, whatever came of them.
func (r Report) Tried() int {
	var n int
	for _, o := range r.Outcomes {
		if !errors.Is(o.Err, ErrPostponed) {
			n++
		}
	}
	return n
}

// Left returns the services whose steps are still to be tried, of the plan and of the rest
// that was cut off it: neither those that wait, nor removals that have to follow what waits
// or has failed.
func (r Report) Left(rest []*Step) []ID {
	var open Plan
	for _, o := range r.Outcomes {
		switch {
		case o.Err == nil:
			continue
		case !errors.Is(o.Err, ErrPostponed):
			failed := *o.Step
			failed.Wait = "failed"
			o.Step = &failed
		}
		open.Steps = append(open.Steps, o.Step)
	}
	open.Steps = append(open.Steps, rest...)
	waits := open.Waits()
	var left []ID
	for _, step := range open.Steps {
		if !waits(step) {
			left = append(left, step.ID)
		}
	}
	return left
}

// Err sums up what makes it worth trying again soon: nil, or the number of failed
// steps and the first cause. A service that Consul refuses for what it is does not
// count: it would be refused again, and the others are fine. Nor does a step that
// only waits for another one, which counts or does not count itself.
func (r Report) Err() error {
	if r.Stopped != nil {
		return r.Stopped
	}
	var failed int
	var first error
	for _, o := range r.Outcomes {
		if o.Err == nil || o.Invalid() || errors.Is(o.Err, ErrPostponed) {
			continue
		}
		failed++
		if first == nil {
			first = fmt.Errorf("%s: %w", o.Step, o.Err)
		}
	}
	if failed == 0 {
		return nil
	}
	return fmt.Errorf("%d of %d steps failed, first %w", failed, len(r.Outcomes), first)
}

// Invalid tells whether Consul refused the step for what is in it.
func (o Outcome) Invalid() bool {
	status, ok := errors.AsType[api.StatusError](o.Err)
	return ok && status.Code == http.StatusBadRequest
}

// After returns what the agent holds once the steps that succeeded are done. What
// it was before does not change.
func (a Actual) After(r Report) Actual {
	after := a
	after.Ours = maps.Clone(a.Ours)
	for _, o := range r.Outcomes {
		switch {
		case o.Err != nil:
		case o.Step.Action == Remove:
			delete(after.Ours, o.Step.ID)
		default:
			after.Ours[o.Step.ID] = o.Step.registered()
		}
	}
	return after
}

// registered is what the agent shows of a service after the step. A check that it
// knew keeps its status; that of a new one is not known here.
func (s *Step) registered() *Registered {
	want := s.Want
	if want.ID == "" { // only maintenance mode has changed
		now := *s.Have
		now.Checks = s.maintain(now.Checks)
		return &now
	}
	now := want.registered()
	now.Checks = s.Have.checks()
	for _, id := range staleChecks(want, s.Have) {
		now.Checks = now.Checks.Without(id)
	}
	if want.Check != nil {
		now.Checks = now.Checks.withOwn(want.Check)
	}
	now.Checks = s.maintain(now.Checks)
	return now
}
