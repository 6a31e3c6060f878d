package agent

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/k8s-registrar/k8s-registrar/register"
)

// pass compares and applies once. Its error is what makes it worth trying again
// soon.
func (l *loop) pass(ctx context.Context, why call) (Pass, error) {
	if l.belief.settled(time.Now()) {
		l.log.Warn("missing keys are believed to be deleted now", "keys", len(l.belief.Withheld), "after", epochTrust)
		trusted := l.belief.trust()
		l.belief = &trusted
	}
	failed := Pass{Belief: *l.belief, Start: time.Now()}
	looking, stop := l.unlessNews(ctx, why)
	defer stop()
	before := l.ledger
	l.ledger = nil // until there is a new one
	if l.gated {
		if err := l.reconciler.local.Leader(ctx); err != nil {
			return failed, err
		}
		l.gated = false
	}
	if why != callNews || l.rotating {
		if err := l.reconciler.learn(ctx); err != nil {
			return failed, err
		}
	}
	pass, err := l.reconciler.prepare(ctx, looking, *l.belief)
	switch {
	case err != nil && gaveWay(looking):
		l.ledger = before
		l.lookEnded(looking, failed.Start)
		return failed, errNews
	case err != nil:
		return pass, err
	}
	if err := l.claim(ctx, pass.Node); err != nil {
		return pass, err
	}
	pass, again := l.resend(looking, pass, why)
	l.lookEnded(looking, failed.Start)
	pass.Plan, pass.Deferred = l.patience.holdBack(pass.Plan, time.Now())
	pass.Plan, pass.Rest = cut(pass.Plan)
	pass = l.carryOut(ctx, pass, l.untilNews())
	l.verifier.sent(again, pass.Report)
	l.verifier.stirred = l.verifier.stirred || pass.Report.Tried() > 0
	l.ledger = newLedger(pass, l.patience.waiting(pass.Report))
	return pass, pass.Err()
}

// carryOut applies the plan of a pass as long as goOn says so, and remembers how it went.
func (l *loop) carryOut(ctx context.Context, pass Pass, goOn func() bool) Pass {
	pass = l.reconciler.apply(ctx, pass, func(o register.Outcome) bool {
		l.board.beat()
		l.metrics.step(o)
		logStep(l.log, o)
		return goOn()
	})
	l.patience.note(pass.Report, time.Now())
	l.gated = pass.Report.Stopped != nil
	return pass
}

// cut returns the part of a plan that one pass carries out, and the rest of its steps.
// What changes something that is announced already comes first. What waits takes nobody's
// turn.
func cut(plan register.Plan) (register.Plan, []*register.Step) {
	rank := map[register.Action]int{register.Update: 0, register.Add: 1, register.Remove: 2}
	plan.Steps = slices.Clone(plan.Steps)
	slices.SortStableFunc(plan.Steps, func(a, b *register.Step) int {
		return cmp.Compare(rank[a.Action], rank[b.Action])
	})
	waits := plan.Waits()
	var tries int
	for i, step := range plan.Steps {
		if waits(step) {
			continue
		}
		if tries++; tries > maxSteps {
			rest := plan.Steps[i:]
			plan.Steps = plan.Steps[:i]
			return plan, rest
		}
	}
	return plan, nil
}

// claim makes sure, before anything is written, that nobody else keeps our services.
func (l *loop) claim(ctx context.Context, node register.Node) (err error) {
	if l.claimed == nil {
		l.claimed, err = Claim(ctx, node.UID, l.reconciler.config.Instance)
	}
	return err
}

func (l *loop) release() {
	if l.claimed != nil {
		_ = l.claimed.Close() // the process ends
	}
}

// resend adds to the plan what has to be sent again though the agent holds it, since
// the servers hold something else, and returns which and why.
func (l *loop) resend(ctx context.Context, pass Pass, why call) (Pass, map[register.ID]string) {
	now := time.Now()
	l.rotating = l.rotating || l.others(pass) > 0
	v := &l.verifier
	v.stirred = v.stirred || v.echo.foreign(why) || l.rotating
	if v.rewind.soon(now) {
		return pass, nil // a fleet would ask as one, and be patient with what it sees
	}
	if !v.due(now) && (!v.free(now) || v.confirm(ctx, pass, now)) {
		return pass, nil
	}
	again := v.look(ctx, pass, now)
	l.metrics.verified(v)
	if len(again) > 0 {
		pass.Plan = pass.Plan.Refresh(pass.Desired, pass.Actual, again, nonce(now))
	}
	l.proveToken(pass, now)
	return pass, again
}

// proveToken follows the change from one token to another, and says that the old one
// may be revoked once everything of ours was seen in the catalog as it is registered
// with the new one.
func (l *loop) proveToken(pass Pass, now time.Time) {
	v := &l.verifier
	if !l.rotating || l.others(pass) > 0 || v.err != nil || len(v.lasting()) > 0 {
		return
	}
	l.rotating = false
	l.log.Info("every service is in the catalog with the token in force: the one before may be revoked", "services", len(pass.Actual.Ours))
	l.board.tokenProven(now)
	l.metrics.tokenProven.SetToCurrentTime()
}

// others counts the services that are registered with another token than the one in
// force.
func (l *loop) others(pass Pass) int {
	var others int
	for _, have := range pass.Actual.Ours {
		if have.Meta.Of(register.MetaToken) != l.reconciler.mapping.Token {
			others++
		}
	}
	return others
}

func (l *loop) show(pass Pass, err error) {
	l.board.passed(pass, &l.verifier, l.others(pass), err)
	l.metrics.passed(pass, err)
	if !pass.Compared() {
		return
	}
	l.teller.tell(pass, &l.verifier)
	if marked := pass.Actual.Marker != ""; marked != l.marked {
		l.marked = marked
		l.marks.put(marked)
	}
}

// logStep says what was changed, which is all that is said of a pass that succeeds.
// A step that failed is the teller's matter.
func logStep(log hclog.Logger, o register.Outcome) {
	if o.Err != nil {
		return
	}
	fields := []any{"action", string(o.Step.Action), "service", o.Step.Name(), "id", string(o.Step.ID), "took", o.Took.Round(time.Microsecond).String()}
	if len(o.Step.Changes) > 0 {
		var changes []string
		for _, change := range o.Step.Changes {
			changes = append(changes, change.String())
		}
		fields = append(fields, "changes", strings.Join(changes, "; "))
	}
	log.Info("changed", fields...)
}
