package agent

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/k8s-registrar/k8s-registrar/register"
)

// loop owns the state: the newest snapshot, what was decoded of it, and what was
// said about it. It wakes for news of the tree, for a ring of the drift doorbell and
// for its own timer, which is the resync or the retry.
type loop struct {
	reconciler *reconciler
	snapshots  news[Snapshot]
	drift      news[struct{}]
	resync     time.Duration
	board      *board
	metrics    *metrics
	log        hclog.Logger
	voice      *voice
	teller     teller
	// gated tells that the last plan was stopped: look for a leader before anything
	// else, since the agent may be slow to answer until there is one.
	gated bool
}

func (l *loop) run(ctx context.Context) error {
	var snapshot *Snapshot
	var wake <-chan time.Time // nil until something is known: nothing is planned
	waits := newRetry()
	for {
		l.board.beat()
		relearn := true
		select {
		case <-ctx.Done():
			return nil
		case fresh := <-l.snapshots:
			snapshot, relearn = &fresh, false
		case <-l.drift:
		case <-wake:
		}
		if snapshot == nil {
			continue
		}
		pass, err := l.pass(ctx, *snapshot, relearn)
		if ctx.Err() != nil {
			return nil
		}
		l.show(pass, err)
		wait := l.resync*3/4 + rand.N(l.resync/2) // spread over the fleet
		if err != nil {
			wait = waits.after(err)
			l.voice.failed(err, "retry", wait)
		} else {
			waits.reset()
			l.voice.recovered()
		}
		wake = time.After(wait)
	}
}

// pass compares and applies once. Its error is what makes it worth trying again
// soon; a service that Consul refuses is a problem of that service alone.
func (l *loop) pass(ctx context.Context, snapshot Snapshot, relearn bool) (Pass, error) {
	if l.gated {
		if err := l.reconciler.local.Leader(ctx); err != nil {
			return Pass{Snapshot: snapshot, Start: time.Now()}, err
		}
		l.gated = false
	}
	if relearn {
		if err := l.reconciler.learnNode(ctx); err != nil {
			return Pass{Snapshot: snapshot, Start: time.Now()}, err
		}
	}
	pass, err := l.reconciler.prepare(ctx, snapshot)
	if err != nil {
		return pass, err
	}
	pass = l.reconciler.apply(ctx, pass, func(o register.Outcome) {
		l.board.beat()
		l.metrics.step(o)
		logStep(l.log, o)
	})
	l.gated = pass.Report.Stopped != nil
	return pass, pass.Report.Err()
}

func (l *loop) show(pass Pass, err error) {
	l.board.passed(pass, err)
	l.metrics.passed(pass, err)
	if pass.Actual.Ours != nil {
		l.teller.tell(pass)
	}
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
