package agent

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/k8s-registrar/k8s-registrar/register"
)

const (
	// maxRepairs is how often in repairWindow a service is put right that somebody
	// else keeps changing.
	maxRepairs   = 3
	repairWindow = time.Minute
	// Waits between two tries of a step that fails: shorter for what may pass by
	// itself, longer for what Consul has refused.
	minStepWait    = time.Second
	maxStepWait    = 45 * time.Second
	refusedStepGap = 30 * time.Second
)

// Deferred is a step that is not tried now; the step's Wait says why.
type Deferred struct {
	Step *register.Step
	// Until is when it may be tried again.
	Until time.Time
	// Invalid tells that Consul refused it for what is in it: there is no use in
	// hoping, and no harm to others.
	Invalid bool
}

// patience remembers how steps went, so that one which fails again and again, or
// which somebody else undoes again and again, is not hammered at. A step whose aim
// has changed is always tried.
type patience struct {
	steps map[register.ID]*history
}

type history struct {
	aim      string // the fingerprint that was wanted; empty for a removal
	failures int
	next     time.Time // not before
	why      string
	invalid  bool
	done     []time.Time // when it succeeded, within repairWindow
	last     time.Time
}

func aim(s *register.Step) string { return s.Want.Meta.Of(register.MetaFingerprint) }

// holdBack marks the steps of a plan that are not to be tried now. They stay in the
// plan, since removals may have to follow them.
func (p *patience) holdBack(plan register.Plan, now time.Time) (register.Plan, []Deferred) {
	p.forget(now)
	var deferred []Deferred
	plan.Steps = slices.Clone(plan.Steps)
	for i, step := range plan.Steps {
		h := p.steps[step.ID]
		switch {
		case h == nil:
		case h.aim != aim(step):
			delete(p.steps, step.ID)
		case now.Before(h.next):
			waiting := *step
			waiting.Wait = h.why
			plan.Steps[i] = &waiting
			deferred = append(deferred, Deferred{Step: plan.Steps[i], Until: h.next, Invalid: h.invalid})
		}
	}
	return plan, deferred
}

// soonest returns when the first of the steps may be tried again.
func soonest(deferred []Deferred) time.Time {
	return slices.MinFunc(deferred, func(a, b Deferred) int { return a.Until.Compare(b.Until) }).Until
}

// note remembers how the steps of a plan went.
func (p *patience) note(report register.Report, now time.Time) {
	if p.steps == nil {
		p.steps = map[register.ID]*history{}
	}
	for _, o := range report.Outcomes {
		if errors.Is(o.Err, register.ErrPostponed) {
			continue
		}
		h := p.steps[o.Step.ID]
		if h == nil || h.aim != aim(o.Step) {
			h = &history{aim: aim(o.Step)}
			p.steps[o.Step.ID] = h
		}
		h.last = now
		if o.Err != nil {
			h.failed(o, now)
		} else {
			h.succeeded(now)
		}
	}
}

func (h *history) failed(o register.Outcome, now time.Time) {
	wait := min(minStepWait<<min(h.failures, 10), maxStepWait)
	if classify(o.Err) == denied || o.Invalid() {
		wait = max(wait, refusedStepGap)
	}
	h.failures++
	h.next = now.Add(wait)
	h.why = fmt.Sprintf("failed %d times, at last: %v", h.failures, o.Err)
	h.invalid = o.Invalid()
}

// succeeded counts: what has to be done once more within the window was undone.
func (h *history) succeeded(now time.Time) {
	h.failures, h.invalid = 0, false
	h.done = slices.DeleteFunc(h.done, func(t time.Time) bool { return now.Sub(t) >= repairWindow })
	h.done = append(h.done, now)
	if len(h.done) > maxRepairs {
		h.next = h.done[0].Add(repairWindow)
		h.why = fmt.Sprintf("somebody else changes it back: %d times within %s", len(h.done), repairWindow)
	}
}

// waiting returns the steps of a report that failed, as they wait now.
func (p *patience) waiting(report register.Report) []Deferred {
	var all []Deferred
	for _, o := range report.Outcomes {
		if h := p.steps[o.Step.ID]; o.Err != nil && h != nil && h.why != "" {
			step := *o.Step
			step.Wait = h.why
			all = append(all, Deferred{Step: &step, Until: h.next, Invalid: h.invalid})
		}
	}
	return all
}

// forget drops what is too old to matter.
func (p *patience) forget(now time.Time) {
	for id, h := range p.steps {
		if now.After(h.next) && now.Sub(h.last) > 2*repairWindow {
			delete(p.steps, id)
		}
	}
}
