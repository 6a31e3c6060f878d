package agent

import (
	"errors"
	"math/rand/v2"
	"time"
)

// longestPause bounds how long a change by others can hide behind changes of our own.
const longestPause = 10 * time.Second

// longestRest bounds how long nothing is compared though nothing rings, in times of what
// the configuration says.
const longestRest = 6

// pause is how long a look at everything is put off that our own changes ask for: what
// they changed rings like what others do. A look takes the longer the more services there
// are, and is not to take more than a small part of the time.
func (l *loop) pause() time.Duration { return min(50*l.looked, longestPause) }

// rest is how long nothing is looked at while nothing rings: as configured, or longer
// where a look takes long, so that it takes no more than a thousandth of the time.
func (l *loop) rest() time.Duration {
	return max(l.resync, min(1000*l.looked, longestRest*l.resync))
}

func (l *loop) wakeIn(wait time.Duration) {
	l.due, l.wake = time.Now().Add(wait), time.After(wait)
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
			wait = max(time.Second, time.Until(soonest(pass.Deferred)))
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
	}
	if len(pass.Leaving) > 0 {
		wait = min(wait, max(0, time.Until(l.reconciler.sharer.next())))
	}
	return wait
}
