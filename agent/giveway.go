package agent

import (
	"context"
	"errors"
	"time"
)

// mostPutOff is how long a look at everything gives way, however often things change.
const mostPutOff = 3 * time.Second

// errNews is why a look at everything was given up.
var errNews = errors.New("there is news of the tree")

// unlessNews returns a context for a look at everything, which ends when there is news of
// the tree: a change does not wait for a look that only time or a doorbell asks for.
func (l *loop) unlessNews(ctx context.Context, why call) (context.Context, func()) {
	overdue := !l.putOff.IsZero() && time.Since(l.putOff) > mostPutOff
	if !why.rang() && why != callTimer || overdue || !l.calm() {
		return ctx, func() {}
	}
	select {
	case <-l.stirs: // of news that have been heard
	default:
	}
	looking, giveUp := context.WithCancelCause(ctx)
	if len(l.snapshots) > 0 {
		giveUp(errNews)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		select {
		case <-l.stirs:
			giveUp(errNews)
		case <-looking.Done():
		}
	}()
	return looking, func() { giveUp(nil); <-ended }
}

// untilNews returns what tells whether to begin another step of a plan. Looking again costs,
// so at least as much is done as that.
func (l *loop) untilNews() func() bool {
	begun := time.Now()
	return func() bool {
		spent := time.Since(begun)
		return spent < longestPlan && (len(l.snapshots) == 0 || spent < l.looked)
	}
}

// gaveWay tells whether a look was given up for news.
func gaveWay(looking context.Context) bool { return errors.Is(context.Cause(looking), errNews) }

// lookEnded notes how long a look at everything took that began at start, or since when looks
// have given way, if only by what they ask of the catalog.
func (l *loop) lookEnded(looking context.Context, start time.Time) {
	switch {
	case !gaveWay(looking):
		l.looked, l.putOff = time.Since(start), time.Time{}
	case l.putOff.IsZero():
		l.putOff = time.Now()
	}
}

// lookAgain has the look made that was given up.
func (l *loop) lookAgain(why call) {
	l.verifier.stirred = l.verifier.stirred || l.verifier.echo.foreign(why)
	l.lookIn(l.looked)
}
