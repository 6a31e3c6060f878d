package agent

import (
	"context"
	"time"

	"github.com/k8s-registrar/k8s-registrar/kvschema"
	"github.com/k8s-registrar/k8s-registrar/register"
)

// mostNarrow is how many keys, and how many services, a narrow pass is about at most. Each
// service is asked for alone; for more of them it is cheaper to ask for all.
const mostNarrow = 16

// narrow makes a pass about nothing but the keys that changed since the last one and
// those that are tied to them, so that a change costs the same however many services
// there are. It returns false, and has changed nothing, where that would not be the same
// as a whole pass: while anything waits, fails, or is doubtful.
func (l *loop) narrow(ctx context.Context) (Pass, bool) {
	if !l.calm() {
		return Pass{}, false
	}
	s := scopeOf(l.ledger.readings, l.belief.Readings())
	if len(s.keys) == 0 || len(s.keys) > mostNarrow {
		return Pass{}, false
	}
	part, fits := l.reconciler.prepareSome(ctx, *l.belief, s, l.ledger)
	if !fits {
		return Pass{}, false
	}
	var deferred []Deferred
	if part.Plan, deferred = l.patience.holdBack(part.Plan, time.Now()); len(deferred) > 0 {
		return Pass{}, false
	}
	part = l.carryOut(ctx, part, func() bool { return true })
	if part.Report.Tried() > 0 {
		l.wrote = time.Now()
		l.verifier.echo.add(part.Touched, l.wrote)
	}
	return l.ledger.enter(part, s), true
}

// calm tells whether the last pass was whole and well, and nothing has come up since that
// is about more than single keys.
func (l *loop) calm() bool {
	if l.ledger == nil || l.claimed == nil || l.gated || l.rotating || l.failing {
		return false
	}
	last := l.ledger.pass
	return len(l.belief.Withheld) == 0 && l.belief.Snapshot.Epoch == last.Belief.Snapshot.Epoch &&
		len(last.Waiting) == 0 && l.reconciler.guard.idle() &&
		last.Actual.Marker == "" && !last.Actual.Unsure
}

// prepareSome compares a part of the tree with the local agent. It writes nothing. It
// returns false where only a whole comparison can tell what to do.
func (r *reconciler) prepareSome(ctx context.Context, belief Belief, s scope, whole *ledger) (Pass, bool) {
	pass := Pass{Belief: belief, Start: time.Now(), Node: r.node}
	pass.Desired, pass.Problems = r.mapping.Desired(kvschema.Compose(s.readings), r.node)
	share := r.sharer.view.Share(pass.Desired, whole.pass.Actual, nil) // nothing is let go here
	pass.Desired, pass.View, pass.Leaving = share.Desired, r.sharer.view, share.Leaving
	pass.Touched = whole.of(s.keys, pass.Desired)
	if len(pass.Touched) > mostNarrow {
		return pass, false
	}
	var err error
	// What is announced already is in maintenance mode if its node is: only for what is new
	// is the node's own mark asked for.
	if pass.Actual, err = r.local.Some(ctx, pass.Touched, whole.lacks(pass.Touched)); err != nil {
		return pass, false // the whole comparison will say the same, and why
	}
	if pass.Actual.AnyOut() || whole.misses(pass.Actual, pass.Touched) || len(register.Lost(pass.Desired, pass.Actual, belief.Snapshot.Index)) > 0 {
		return pass, false
	}
	plan := register.Diff(pass.Desired, pass.Actual)
	plan.Seen, plan.Led = pass.Start, belief.Snapshot.Led
	pass.Plan = r.guard.hold(plan, pass.Desired, len(whole.pass.Actual.Ours), time.Now())
	if len(pass.Plan.Held)+len(pass.Plan.Taken) > 0 {
		return pass, false
	}
	pass.Plan = pass.Plan.Maintain(pass.Actual.Standing(), pass.Actual)
	pass.Took = time.Since(pass.Start)
	return pass, true
}
