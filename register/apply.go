package register

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/hashicorp/consul/api"
)

const (
	// writeTimeout bounds a write. It only frees us: the agent completes what it
	// has begun, so after a timeout the outcome is not known.
	writeTimeout = 15 * time.Second
	// slow is how long a write may take before we look whether there is a leader and
	// go on with others, and how often we look anyway.
	slow = 2 * time.Second
	// fresh is how long what was read of an ID holds: a step that comes later looks again
	// whose it is.
	fresh = 50 * time.Millisecond
	// chunk is how many steps are prepared together, see probe.
	chunk = 64
)

// Apply carries out a plan: additions and updates first, then removals. A step
// that waits or fails does not stop the others, except for removals that have to
// follow it. The plan stops when the servers have no
// leader: every registration would then hold the agent's state lock for 7 to 12 s,
// and with it everybody else on the node who talks to the agent.
//
// The done function, unless nil, hears of each step that was tried, one at a time, and
// tells whether to go on. If not, the steps that are left are postponed.
func (l *Local) Apply(ctx context.Context, plan Plan, done func(Outcome) bool) Report {
	b := &batch{local: l, done: done, seen: plan.Seen, asked: plan.Led}
	if b.seen.IsZero() {
		b.seen = time.Now()
	}
	upserts := len(plan.Steps) - plan.Count(Remove)
	outcomes := make([]*Outcome, len(plan.Steps))
	for i, step := range plan.Steps {
		outcomes[i] = &Outcome{Step: step, Err: ErrPostponed}
	}
	for start := 0; start < upserts; start += chunk {
		b.run(ctx, outcomes[start:min(start+chunk, upserts)])
	}
	b.run(ctx, unblocked(outcomes[:upserts], outcomes[upserts:]))

	report := Report{Stopped: b.why(), Yielded: b.yielded}
	for _, o := range outcomes {
		report.Outcomes = append(report.Outcomes, *o)
	}
	return report
}

// unblocked returns the removals that no failed upsert stands before.
func unblocked(upserts, removals []*Outcome) []*Outcome {
	var failed []*Step
	for _, o := range upserts {
		if o.Err != nil {
			failed = append(failed, o.Step)
		}
	}
	follows := following(failed)
	var free []*Outcome
	for _, o := range removals {
		if !follows(o.Step) {
			free = append(free, o)
		}
	}
	return free
}

// following returns whether a step is a removal that has to follow one of these upserts:
// a service that moves to another ID, or whose name moves to another key, stays until its
// successor is there.
func following(upserts []*Step) func(*Step) bool {
	keys, names := map[string]bool{}, map[string]bool{}
	for _, step := range upserts {
		keys[step.Key()] = true
		names[step.Name()] = true
	}
	return func(s *Step) bool { return s.Action == Remove && (keys[s.Key()] || names[s.Name()]) }
}

// refused tells whether an error is the agent's judgement of this very service
// (a bad field, no permission), which says nothing about the next one.
func refused(err error) bool {
	status, ok := errors.AsType[api.StatusError](err)
	return ok && (status.Code == http.StatusBadRequest || status.Code == http.StatusForbidden)
}

// do makes the calls of one step.
func (l *Local) do(ctx context.Context, step *Step, status string) error {
	if step.Action == Remove {
		return l.deregister(ctx, step.ID)
	}
	if step.Want.ID != "" {
		if step.Enter != "" {
			status = api.HealthCritical // nobody must find it before it has entered
		}
		if err := l.register(ctx, step, status); err != nil {
			return err
		}
	}
	switch {
	case step.Enter != "":
		return l.enter(ctx, step.ID, step.Enter)
	case step.Lift:
		return l.lift(ctx, step.ID)
	}
	return nil
}

// register sends a registration, and removes the checks of ours that it leaves over.
func (l *Local) register(ctx context.Context, step *Step, status string) error {
	// Not ReplaceExistingChecks: that would also remove maintenance mode and every
	// check that an operator hung onto the service.
	options := api.ServiceRegisterOpts{}.WithContext(ctx)
	if err := l.client.Agent().ServiceRegisterOpts(step.Want.request(status), options); err != nil {
		return fmt.Errorf("register service: %w", err)
	}
	for _, id := range staleChecks(step.Want, step.Have) {
		options := (&api.QueryOptions{}).WithContext(ctx)
		if err := l.client.Agent().CheckDeregisterOpts(id, options); err != nil && !notFound(err) {
			return fmt.Errorf("deregister check %s: %w", id, err)
		}
	}
	return nil
}

// deregister removes a service; one that is not there is removed already.
func (l *Local) deregister(ctx context.Context, id ID) error {
	options := (&api.QueryOptions{}).WithContext(ctx)
	err := l.client.Agent().ServiceDeregisterOpts(string(id), options)
	if err != nil && !notFound(err) {
		return fmt.Errorf("deregister service: %w", err)
	}
	return nil
}

// notFound tells whether Consul's agent said that it does not know the service or the
// check. Any other 404 is that of something between us and it, which has removed nothing.
func notFound(err error) bool {
	status, ok := errors.AsType[api.StatusError](err)
	return ok && status.Code == http.StatusNotFound && strings.Contains(strings.ToLower(status.Body), "unknown ")
}
