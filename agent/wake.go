package agent

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"
)

// longestPause bounds how long a change by others can hide behind changes of our own, where
// its ring does not tell them apart. While changes go on, the catalog is looked at by then
// anyway, and the agent with it.
const longestPause = longestEcho

// pausesPerLook is how many times as long as a look at everything the pause before it is.
const pausesPerLook = 1000

// longestRest bounds how long nothing is compared though nothing rings, in times of what
// the configuration says.
const longestRest = 6

// pause is how long a look at everything is put off that our own changes ask for: what
// they changed rings like what others do. A look takes the longer the more services there
// are, and is not to take more than a small part of the time.
func (l *loop) pause() time.Duration { return min(pausesPerLook*l.looked, longestPause) }

// pauseAfter is how long everything is not looked at after a narrow pass that has changed
// something. What falls to other nodes is let go of by whole passes alone.
func (l *loop) pauseAfter(pass Pass) time.Duration {
	if len(pass.Leaving) > 0 {
		return verifyPause
	}
	return max(l.pause(), verifyPause)
}

// echoes tells whether a ring may be of a narrow pass: one that nothing was compared since,
// or that is so young that its ring may be to come.
func (l *loop) echoes() bool {
	return l.ledger != nil && (l.wrote.After(l.ledger.pass.Start) || time.Since(l.wrote) < 2*bellPace)
}

// rest is how long nothing is looked at while nothing rings: as configured, or longer
// where a look takes long, so that it takes no more than a thousandth of the time.
func (l *loop) rest() time.Duration {
	return max(l.resync, min(1000*l.looked, longestRest*l.resync))
}

func (l *loop) wakeIn(wait time.Duration) {
	l.due, l.wake = time.Now().Add(wait), time.After(wait)
}

// lookIn makes the loop look at everything after a time, whatever wakes it before, and wakes
// it before if there is something to confirm.
func (l *loop) lookIn(wait time.Duration) {
	l.whole = time.Now().Add(wait)
	l.wakeIn(wait)
	l.wakeForEcho()
}

// lookBy does so if the loop would not look sooner.
func (l *loop) lookBy(wait time.Duration) {
	if time.Until(l.whole) > wait {
		l.whole = time.Now().Add(wait)
	}
	l.wakeBy(wait)
	l.wakeForEcho()
}

// confirmed tells whether the timer asked for no more than what our own changes made ring,
// and that is well.
func (l *loop) confirmed(ctx context.Context) bool {
	early := time.Now().Before(l.whole)
	if !early || l.calm() && !l.verifier.confirm(ctx, l.ledger.pass, time.Now()) {
		return false
	}
	l.lookIn(time.Until(l.whole))
	return true
}

// wakeForEcho makes the loop wake when there is something to confirm, and not when all of the
// fleet does.
func (l *loop) wakeForEcho() {
	if l.calm() && l.verifier.echo.waits() {
		l.wakeBy(verifyPause + rand.N(verifyPause/2))
	}
}

// wakeBy makes the loop wake after a time, if it would not sooner.
func (l *loop) wakeBy(wait time.Duration) {
	if time.Until(l.due) > wait {
		l.wakeIn(wait)
	}
}

// lookOut lets the loop look for an approval while something waits. Passes in between
// do not put that off.
func (l *loop) lookOut(pass Pass) {
	switch {
	case len(pass.Waiting) == 0:
		l.look = nil
	case l.look == nil:
		l.look = time.After(approvalPause)
	}
}

// wait says when to compare again though nothing rang.
func (l *loop) wait(pass Pass, err error) time.Duration {
	if err != nil {
		wait := l.waits.after(err)
		if errors.Is(err, errDeferred) {
			wait = l.verifier.rewind.wait(time.Now(), max(time.Second, time.Until(soonest(pass.Deferred))))
		}
		l.voice.failed(err, "retry", wait)
		return wait
	}
	l.waits.reset()
	l.voice.recovered()
	rest := l.rest()
	wait := rest*3/4 + rand.N(rest/2) // spread over the fleet
	switch {
	case len(pass.Backlog) > 0:
		return 0
	case l.verifier.busy() || l.rotating:
		wait = min(wait, verifyPause)
	case !l.verifier.echo.due.IsZero():
		wait = min(wait, max(verifyPause, time.Until(l.verifier.echo.due)))
	}
	if len(pass.Leaving) > 0 {
		wait = min(wait, max(0, time.Until(l.reconciler.sharer.next())))
	}
	return l.verifier.rewind.wait(time.Now(), wait)
}
