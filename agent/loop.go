package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/k8s-registrar/k8s-registrar/register"
)

// loop owns the state: what is believed of the tree, what was decoded of it, how
// steps went, and what was said about it all. It wakes for news of the tree, for a
// ring of the drift doorbell, for a new token, and for its own timers: the resync or
// the retry, and the look for an approval.
type loop struct {
	reconciler *reconciler
	patience   patience
	verifier   verifier
	approvals  approvals
	snapshots  news[Snapshot]
	drift      news[struct{}]
	tokens     news[struct{}]
	resync     time.Duration
	board      *board
	metrics    *metrics
	log        hclog.Logger
	voice      *voice
	teller     teller
	waits      retry

	// wake and look are the timers; nil does not ring.
	wake, look <-chan time.Time

	belief *Belief // nil until something is known: nothing is planned
	// claimed holds our claim on the instance, from the first contact on.
	claimed io.Closer
	// gated tells that the last plan was stopped: look for a leader before anything
	// else, since the agent may be slow to answer until there is one.
	gated bool
	// rekey tells that a new token is in force that services are not registered with.
	rekey bool
	// unproven is the time of the last registration with a new token whose arrival in
	// the catalog has not been seen.
	unproven time.Time
}

// call is what woke the loop.
type call int

const (
	callNews  call = iota // the tree
	callDrift             // the catalog, or the agent's return
	callTimer
	callApproval
	callToken
)

func (l *loop) run(ctx context.Context) error {
	defer l.release()
	for {
		why := l.await(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if l.belief == nil || why == callApproval && !l.approved(ctx) {
			continue
		}
		pass, err := l.pass(ctx, why)
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, errClaimed):
			return err
		}
		l.show(pass, err)
		l.wake = time.After(l.wait(err))
		l.look = nil
		if len(pass.Waiting) > 0 {
			l.look = time.After(approvalPause)
		}
	}
}

// await returns what woke the loop, having taken over what it brought.
func (l *loop) await(ctx context.Context) call {
	l.board.beat()
	select {
	case <-ctx.Done():
		return callTimer
	case fresh := <-l.snapshots:
		l.learn(fresh)
		return callNews
	case <-l.drift:
		return callDrift
	case <-l.wake:
		return callTimer
	case <-l.look:
		l.look = time.After(approvalPause)
		return callApproval
	case <-l.tokens:
		l.rekey = true
		return callToken
	}
}

// wait says when to compare again though nothing rang.
func (l *loop) wait(err error) time.Duration {
	if err != nil {
		wait := l.waits.after(err)
		l.voice.failed(err, "retry", wait)
		return wait
	}
	l.waits.reset()
	l.voice.recovered()
	wait := l.resync*3/4 + rand.N(l.resync/2) // spread over the fleet
	if l.verifier.busy() || !l.unproven.IsZero() {
		wait = min(wait, verifyPause)
	}
	return wait
}

// learn takes over a newer snapshot.
func (l *loop) learn(fresh Snapshot) {
	belief := Belief{Snapshot: Snapshot{Epoch: fresh.Epoch}}
	if l.belief != nil {
		belief = *l.belief
	}
	belief = belief.learn(fresh, time.Now())
	l.belief = &belief
}

// approved looks whether a human has approved what waits, and lets it go if so.
func (l *loop) approved(ctx context.Context) bool {
	var found int
	for _, w := range l.board.waiting() {
		approval, ok, err := l.approvals.find(ctx, w.Hash, l.reconciler.node.Name, time.Now())
		if err != nil {
			l.log.Debug("looking for an approval failed", "hash", w.Hash, "error", err)
		}
		if !ok {
			continue
		}
		found++
		l.log.Info("removals are approved", "hash", w.Hash, "by", approval.By, "reason", approval.Reason, "expires", approval.Expires, "keys", len(w.Keys))
		l.metrics.approvals.Inc()
		l.reconciler.guard.release(w.Keys, approval.Expires)
		if w.Withheld {
			trusted := l.belief.trust()
			l.belief = &trusted
		}
	}
	return found > 0
}

// pass compares and applies once. Its error is what makes it worth trying again
// soon.
func (l *loop) pass(ctx context.Context, why call) (Pass, error) {
	if l.belief.settled(time.Now()) {
		l.log.Warn("missing keys are believed to be deleted now", "keys", len(l.belief.Withheld), "after", epochTrust)
		trusted := l.belief.trust()
		l.belief = &trusted
	}
	failed := Pass{Belief: *l.belief, Start: time.Now()}
	if l.gated {
		if err := l.reconciler.local.Leader(ctx); err != nil {
			return failed, err
		}
		l.gated = false
	}
	if why != callNews {
		if err := l.reconciler.learnNode(ctx); err != nil {
			return failed, err
		}
	}
	pass, err := l.reconciler.prepare(ctx, *l.belief)
	if err != nil {
		return pass, err
	}
	if err := l.claim(ctx, pass.Node); err != nil {
		return pass, err
	}
	pass.Plan, pass.Deferred = l.patience.sort(pass.Plan, time.Now())
	pass = l.resend(ctx, pass, why)
	pass = l.reconciler.apply(ctx, pass, func(o register.Outcome) {
		l.board.beat()
		l.metrics.step(o)
		logStep(l.log, o)
	})
	l.patience.note(pass.Report, time.Now())
	l.verifier.wrote = l.verifier.wrote || len(pass.Report.Outcomes) > 0
	l.gated = pass.Report.Stopped != nil
	return pass, pass.Err()
}

// claim makes sure, before anything is written, that nobody else keeps our services.
func (l *loop) claim(ctx context.Context, node register.Node) (err error) {
	if l.claimed == nil {
		l.claimed, err = claim(ctx, node.UID, l.reconciler.config.Instance)
	}
	return err
}

func (l *loop) release() {
	if l.claimed != nil {
		_ = l.claimed.Close() // the process ends
	}
}

// resend adds to the plan what has to be sent again though the agent holds it: since
// the token is another one, or since the servers hold something else.
func (l *loop) resend(ctx context.Context, pass Pass, why call) Pass {
	now := time.Now()
	again := map[register.ID]string{}
	if l.verifier.due(why == callDrift || !l.unproven.IsZero(), now) && pass.Node.Name != "" {
		again = l.verifier.look(ctx, pass, now)
		l.metrics.verified(&l.verifier)
	}
	l.proveToken(pass, now)
	if l.rekey {
		again = map[register.ID]string{}
		for id := range pass.Actual.Ours {
			again[id] = "the token is a new one"
		}
	}
	if len(again) > 0 {
		pass.Plan = pass.Plan.Refresh(pass.Desired, pass.Actual, again, nonce(now))
	}
	return pass
}

func (l *loop) show(pass Pass, err error) {
	l.noteToken(pass, err)
	l.board.passed(pass, &l.verifier, err)
	l.metrics.passed(pass, err)
	if pass.Compared() {
		l.teller.tell(pass, &l.verifier)
	}
}

// noteToken remembers when everything was registered with a new token.
func (l *loop) noteToken(pass Pass, err error) {
	if l.rekey && pass.Compared() && err == nil {
		l.rekey = false
		l.unproven = time.Now()
	}
}

// proveToken says that the old token may be revoked, once the servers were seen to
// hold everything as it was registered with the new one.
func (l *loop) proveToken(pass Pass, now time.Time) {
	v := &l.verifier
	if l.unproven.IsZero() || l.rekey || !v.looked.After(l.unproven) || v.err != nil || len(v.diverging) > 0 || len(pass.Plan.Steps) > 0 {
		return
	}
	l.unproven = time.Time{}
	l.log.Info("every service is in the catalog with the new token: the old one may be revoked", "services", len(pass.Actual.Ours))
	l.board.tokenProven(now)
	l.metrics.tokenProven.SetToCurrentTime()
}

// logStep says what was changed, which is all that is said of a pass that succeeds.
// A step that failed is the teller's matter.
func logStep(log hclog.Logger, o register.Outcome) {
	if o.Err != nil {
		return
	}
	fields := []any{"action", string(o.Step.Action), "service", o.Step.Name(), "id", string(o.Step.ID), "took", o.Took.Round(time.Microsecond)}
	for _, change := range o.Step.Changes {
		fields = append(fields, "change", fmt.Sprint(change))
	}
	log.Info("changed", fields...)
}
