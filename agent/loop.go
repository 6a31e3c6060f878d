package agent

import (
	"context"
	"errors"
	"io"
	"slices"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/k8s-registrar/k8s-registrar/config"
	"github.com/k8s-registrar/k8s-registrar/register/spread"
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
	drift      news[uint64]   // at which index this node's services changed; 0 if unknown
	checks     news[struct{}] // this node's checks changed
	returns    news[struct{}]
	rewinds    news[struct{}] // what the servers hold for this node went back in time
	tokens     news[struct{}]
	configs    news[config.Config]
	views      news[spread.View]
	marks      news[bool] // for the announcer: whether the node is in maintenance
	resync     time.Duration
	board      *board
	metrics    *metrics
	log        hclog.Logger
	voice      *voice
	teller     teller
	waits      retry

	// wake and look are the timers; look is nil unless something waits.
	wake, look <-chan time.Time
	// pulse makes the loop turn, and does nothing else.
	pulse <-chan time.Time

	belief *Belief // nil until something is known: nothing is planned
	// claimed holds our claim on the instance, from the first contact on.
	claimed io.Closer
	// gated tells that the last plan was stopped: look for a leader before anything
	// else, since the agent may be slow to answer until there is one.
	gated bool
	// rotating tells that a new token is in force, or that services were seen that are
	// registered with another one. Who we are is then asked for in every pass.
	rotating bool
	// ledger is what the last whole pass found and left; nil if it got nowhere.
	ledger *ledger
	// failing tells that the last pass had an error.
	failing bool
	// wrote is when a narrow pass last changed something, and looked how long the last whole
	// one took to look at everything.
	wrote  time.Time
	looked time.Duration
	// putOff is since when a look at everything has given way to news.
	putOff time.Time
	// stirs hears of each snapshot, while the loop is about something else.
	stirs news[struct{}]
	// due is when wake comes, and whole when to look at everything, whatever it comes for.
	due, whole time.Time
	// rung is the index of the last ring; 0 if that had none.
	rung uint64
	// stopped is closed when we are told to stop, and not when another task has failed.
	stopped <-chan struct{}
	// marked tells that the node was in maintenance when the last pass looked.
	marked bool
	// asking is about looking for approvals.
	asking *voice
}

// maxSteps is how many steps one pass carries out, and longestPlan for how long it begins
// another. What is more follows at once, in passes of its own: a mark of the node or a new
// token must not wait for thousands of services. A change waits for one step, see giveway.go.
const (
	maxSteps    = 512
	longestPlan = 4 * time.Second
)

// call is what woke the loop.
type call int

const (
	callNews   call = iota // the tree
	callDrift              // the node's services in the catalog
	callChecks             // and its checks
	callReturn             // the agent was away
	callTimer
	callApproval
	callToken
	callPulse
	callConfig
	callView
)

// rang tells whether somebody changed what the servers hold for the node.
func (c call) rang() bool { return c == callDrift || c == callChecks }

func (l *loop) run(ctx context.Context) error {
	defer l.release()
	defer l.leave(ctx)
	l.lookIn(l.resync)
	for {
		why := l.await(ctx)
		if l.belief != nil {
			if err := l.turn(ctx, why); err != nil {
				return err
			}
		}
		if ctx.Err() != nil {
			return nil
		}
	}
}

// turn does what woke the loop. News come first: a change does not wait for a look at
// everything, nor for thousands of others. Its error ends the loop.
func (l *loop) turn(ctx context.Context, why call) error {
	if pass, done := l.narrow(ctx); done {
		l.concluded(pass, pass.Err())
		if why == callNews {
			return nil
		}
	}
	if !l.asksForAll(ctx, why) {
		return nil
	}
	pass, err := l.pass(ctx, why)
	switch {
	case ctx.Err() != nil:
		return nil
	case errors.Is(err, ErrClaimed):
		return err
	case errors.Is(err, errNews):
		l.lookAgain(why)
		return nil
	}
	l.concluded(pass, err)
	return nil
}

// asksForAll tells whether a whole pass is to be made now.
func (l *loop) asksForAll(ctx context.Context, why call) bool {
	switch why {
	case callPulse:
		return false
	case callApproval:
		return l.approved(ctx)
	case callDrift, callChecks:
		// Not for a ring of our own, unless there are also news that are too much for
		// a narrow pass.
		pause := l.pause()
		if !l.echoes() || pause == 0 || l.behind() {
			return true
		}
		l.verifier.echo.ring(why, l.rung)
		l.lookBy(l.verifier.rewind.wait(time.Now(), pause))
		return false
	case callTimer:
		return !l.confirmed(ctx)
	default:
		return true
	}
}

// behind tells whether something is new of the tree since the last pass.
func (l *loop) behind() bool {
	return l.ledger == nil || !slices.Equal(l.ledger.readings, l.belief.Readings())
}

// concluded shows a pass, and says when to look again. A narrow pass that went well
// leaves that as it is, but for a look at what the servers made of it.
func (l *loop) concluded(pass Pass, err error) {
	l.failing = err != nil
	l.show(pass, err)
	if pass.Touched != nil && err == nil {
		if pass.Report.Tried() > 0 {
			l.lookBy(l.pauseAfter(pass))
		}
		return
	}
	l.lookIn(l.wait(pass, err))
	l.lookOut(pass)
}

// await returns what woke the loop, having taken over what is new of the tree.
func (l *loop) await(ctx context.Context) call {
	why := l.sleep(ctx)
	select { // its ring follows, or woke it
	case <-l.rewinds:
		l.rewound()
	default:
	}
	select { // whatever woke it: the next pass is about the newest tree
	case fresh := <-l.snapshots:
		l.learn(fresh)
		if why == callPulse || why == callApproval {
			why = callNews // these alone would not lead to a pass
		}
	default:
	}
	return why
}

func (l *loop) sleep(ctx context.Context) call {
	l.board.beat()
	select {
	case <-ctx.Done():
		return callTimer
	case fresh := <-l.snapshots:
		l.learn(fresh)
		return callNews
	case l.rung = <-l.drift:
		return callDrift
	case <-l.checks:
		l.rung = 0
		return callChecks
	case <-l.returns:
		return callReturn
	case <-l.wake:
		l.wakeIn(l.resync) // the loop turns also while nothing is known
		return callTimer
	case <-l.look:
		l.look = time.After(approvalPause)
		return callApproval
	case <-l.tokens:
		l.rotating = true
		return callToken
	case <-l.pulse:
		return callPulse
	case fresh := <-l.configs:
		l.adopt(fresh)
		return callConfig
	case fresh := <-l.views:
		l.reconciler.sharer.adopt(fresh)
		l.ledger = nil // it may all be another's now
		return callView
	}
}

// learn takes over a newer snapshot.
func (l *loop) learn(fresh Snapshot) {
	belief := Belief{Snapshot: Snapshot{Epoch: fresh.Epoch}}
	if l.belief != nil {
		belief = *l.belief
	}
	if fresh.Epoch != belief.Snapshot.Epoch {
		l.rewound()
	}
	belief = belief.learn(fresh, time.Now())
	l.belief = &belief
}

// rewound has the catalog looked at, as the servers went back in time.
func (l *loop) rewound() {
	now := time.Now()
	if !l.verifier.rewind.lasts(now) {
		l.log.Info("the Consul servers went back in time: what the catalog lacks is sent again soon")
	}
	l.verifier.rewound(now)
}

// approved looks whether a human has approved what waits, and lets it go if so.
func (l *loop) approved(ctx context.Context) bool {
	var found int
	for _, w := range l.board.waiting() {
		approval, ok, err := l.approvals.find(ctx, w.Hash, l.reconciler.node.Name, time.Now())
		if err != nil {
			l.asking.failed(err, "hash", w.Hash)
		}
		if !ok {
			continue
		}
		found++
		l.approvals.used[w.Hash] = approval.index
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
