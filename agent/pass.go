package agent

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/k8s-registrar/k8s-registrar/config"
	"github.com/k8s-registrar/k8s-registrar/health"
	"github.com/k8s-registrar/k8s-registrar/kvschema"
	"github.com/k8s-registrar/k8s-registrar/register"
	"github.com/k8s-registrar/k8s-registrar/register/spread"
)

// Pass is one comparison of the tree with the local agent, and what came of it.
type Pass struct {
	// Belief is what the pass held of the tree.
	Belief Belief
	// Node is where it ran.
	Node register.Node
	// Desired is what should be announced.
	Desired register.Desired
	// Problems are the keys that cannot be announced as they are, and why.
	Problems []kvschema.Problem
	// Lost are keys that the servers have forgotten, see [register.Lost]: what is
	// registered for them stays.
	Lost []string
	// Actual is what the agent held, and after the plan was applied, what it holds.
	Actual register.Actual
	// Plan is the difference; its Held steps wait for a human.
	Plan register.Plan
	// Deferred are steps that were needed and not tried, since they failed lately.
	Deferred []Deferred
	// Report is what became of the plan's steps.
	Report register.Report
	// View is who takes part in sharing services out, and Leaving are the services that fall
	// to others and that this node still announces, by their keys.
	View    spread.View
	Leaving map[string]spread.Leaving
	// Waiting are the sets of removals that a human has to approve.
	Waiting []Waiting
	// Rest are the steps that were cut off the plan, which was too long for one pass.
	Rest []*register.Step
	// Backlog are the services whose steps are still to be tried. What waits is none of it,
	// as it is held or has failed. If there is no error, it follows at once.
	Backlog []register.ID
	// Touched are the services that a narrow pass was about. The rest of the pass is what
	// the whole one before it found. It is nil after a whole pass.
	Touched []register.ID
	// Start and Took say when, and how long it took.
	Start time.Time
	Took  time.Duration
}

var errDeferred = errors.New("steps wait after failing")

// Compared tells whether the pass got as far as comparing.
func (p Pass) Compared() bool { return p.Actual.Ours != nil }

// More tells that the plan was too long for one pass, that its time was up, or that it gave
// way to news.
func (p Pass) More() bool { return len(p.Rest) > 0 || p.Report.Yielded }

// Quarantined counts the problems of keys that are not announced as they are.
func (p Pass) Quarantined() int {
	var n int
	for _, problem := range p.Problems {
		if !problem.Warning {
			n++
		}
	}
	return n
}

// Err says why the node does not hold what it should, if trying again may help. A
// service that Consul refuses for what it is does not count: the others are fine.
func (p Pass) Err() error {
	if err := p.Report.Err(); err != nil {
		return err
	}
	for _, d := range p.Deferred {
		if !d.Invalid {
			return fmt.Errorf("%w: %d of them, first %s: %s", errDeferred, len(p.Deferred), d.Step, d.Step.Wait)
		}
	}
	return nil
}

// reconciler knows how to compare and to apply, once.
type reconciler struct {
	local   *register.Local
	mapping register.Mapping
	guard   guard
	sharer  sharer
	config  config.Config
	token   *Token
	node    register.Node
	before  register.Desired // of the whole pass before
	held    register.Actual  // after it
}

func newReconciler(cfg config.Config, local *register.Local, token *Token) *reconciler {
	r := &reconciler{local: local, token: token, sharer: sharer{local: local}}
	r.adopt(cfg)
	return r
}

// adopt takes over a configuration. What is remembered stays.
func (r *reconciler) adopt(cfg config.Config) {
	r.config = cfg
	r.mapping.Owner = register.Owner{Instance: cfg.Instance}
	r.mapping.Health = health.Settings(cfg.Check)
	r.mapping.Copies = cfg.Spread.Copies
	r.guard.budget = register.Budget{Min: cfg.Guard.Min, Percent: cfg.Guard.Percent, Unlimited: cfg.Guard.AllowRemovals}
	r.local.Workers = cfg.Reconcile.Workers
}

// prepare compares. It writes nothing. Looking is the context of the look at all of the
// local agent, which is the longest part of it.
func (r *reconciler) prepare(ctx, looking context.Context, belief Belief) (Pass, error) {
	pass := Pass{Belief: belief, Start: time.Now()}
	if !r.node.Address.IsValid() {
		if err := r.learn(ctx); err != nil {
			return pass, err
		}
	}
	pass.Node = r.node
	tree := kvschema.Compose(belief.Readings())
	pass.Desired, pass.Problems = r.mapping.Recalling(r.before).Desired(tree, r.node)
	var err error
	if pass.Actual, err = r.local.Recalling(r.held).Actual(looking, r.sharer.alone(pass.Desired)); err != nil {
		return pass, err
	}
	lost := register.Lost(pass.Desired, pass.Actual, belief.Snapshot.Index)
	pass.Lost = r.guard.withhold(lost, belief.withheldKeys(), time.Now())
	for _, key := range pass.Lost {
		pass.Desired.Keep[key] = struct{}{}
	}
	share := r.sharer.share(ctx, pass.Desired, pass.Actual, time.Now())
	pass.Desired, pass.View, pass.Leaving = share.Desired, r.sharer.view, share.Leaving
	if len(pass.Leaving) > 0 { // more is desired than what it was read for
		pass.Actual = pass.Actual.Lean(pass.Desired)
	}
	r.mapping.Renew(pass.Desired, pass.Actual, r.node)
	restored := r.guard.restore(pass.Desired, pass.Actual)
	plan := register.Diff(pass.Desired, pass.Actual)
	plan.Seen = pass.Start
	pass.Plan = r.guard.hold(plan, pass.Desired, len(pass.Actual.Ours), time.Now())
	r.guard.keep(pass.Plan, r.before, restored)
	r.before, r.held = pass.Desired, pass.Actual
	pass.Waiting = waiting(pass)
	pass.Plan = pass.Plan.Maintain(pass.Actual.Standing(), pass.Actual).Spare(r.sharer.spared(pass.Leaving, time.Now()))
	pass.Backlog = pass.Report.Left(pass.Plan.Steps)
	pass.Took = time.Since(pass.Start)
	return pass, nil
}

// apply carries out the plan of a pass.
func (r *reconciler) apply(ctx context.Context, pass Pass, done func(register.Outcome) bool) Pass {
	pass.Report = r.local.Apply(ctx, pass.Plan, done)
	pass.Backlog = pass.Report.Left(pass.Rest)
	pass.Actual = pass.Actual.After(pass.Report)
	if pass.Touched == nil {
		r.held = pass.Actual
	}
	r.guard.note(pass, time.Now())
	pass.Took = time.Since(pass.Start)
	return pass
}

// learn asks who we are: the node's name and address, which may be others after the
// agent's restart, and the name of the token. What was known of the node does until it
// can be had again. Without agent:read a configured address is enough.
func (r *reconciler) learn(ctx context.Context) error {
	if r.token.set() {
		name, err := r.local.Token(ctx)
		if err != nil {
			return err
		}
		r.mapping.Token = name
	}
	node, err := r.local.Node(ctx)
	if err == nil || !r.node.Address.IsValid() {
		node, err = r.at(node, err)
	}
	switch {
	case err == nil:
		r.node = node
	case ctx.Err() == nil && !r.node.Address.IsValid():
		return err
	}
	return ctx.Err()
}

// at returns the node at the configured address, or else as the agent told, or not.
func (r *reconciler) at(node register.Node, err error) (register.Node, error) {
	switch {
	case r.config.Node.Address.IsValid():
		return node.At(r.config.Node.Address), nil
	case r.config.Node.Interface != "":
		return node.On(r.config.Node.Interface)
	case err != nil:
		return node, fmt.Errorf("%w (grant agent read, or set node.address)", err)
	default:
		return node, nil
	}
}
