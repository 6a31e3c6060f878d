package register

import (
	"context"
	"errors"
	"sync"
	"time"
)

var (
	errOvertaken = errors.New("given up after all others of the plan: the next comparison shows what became of it")
	errStuck     = errors.New("the agent leaves several writes without an answer at the same time")
)

// batch is one application of a plan.
type batch struct {
	local *Local
	done  func(Outcome) bool
	seen  time.Time // as of when the plan is

	mu      sync.Mutex
	asked   time.Time // when the leader was last known to be there
	hanging int       // steps that are late and under way
	stopped error
	yielded bool // done did not want to go on
}

// run carries out steps with the local agent's workers. The first step goes alone: if
// something is wrong, one call finds out and not all of them.
//
// Nobody waits for long for a step that hangs: when it is late its place is given to the
// next one, and when the others are done it is given up. If more hang than there are
// workers it is the agent that does, and the plan stops.
func (b *batch) run(ctx context.Context, outcomes []*Outcome) {
	if len(outcomes) == 0 || b.over() {
		return
	}
	statuses := b.local.probe(ctx, outcomes)
	ctx, giveUp := context.WithCancelCause(ctx)
	defer giveUp(nil)
	places := make(chan struct{}, max(1, b.local.Workers))
	var all, punctual sync.WaitGroup
	for i, o := range outcomes {
		if i == 1 {
			punctual.Wait()
		}
		places <- struct{}{}
		punctual.Add(1)
		all.Go(func() {
			leave := sync.OnceFunc(func() { <-places; punctual.Done() })
			defer leave()
			late := time.AfterFunc(slow, func() { b.hang(1); leave() })
			b.try(ctx, o, statuses[o.Step.ID])
			if !late.Stop() {
				b.hang(-1)
			}
		})
	}
	punctual.Wait()
	if len(outcomes) > 1 {
		defer time.AfterFunc(slow, func() { giveUp(errOvertaken) }).Stop()
	}
	all.Wait()
}

// hang counts the steps that are late, which is a reason to look for a leader.
func (b *batch) hang(n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.asked = time.Time{}
	if b.hanging += n; b.hanging > max(1, b.local.Workers) && b.stopped == nil {
		b.stopped = errStuck
	}
}

// try carries out one step unless the batch has stopped.
func (b *batch) try(ctx context.Context, o *Outcome, status string) {
	if o.Step.Wait != "" || !b.open(ctx) {
		return
	}
	start := time.Now()
	o.Err = b.do(ctx, o.Step, status)
	o.Took = time.Since(start)

	b.mu.Lock()
	defer b.mu.Unlock()
	if o.Took > slow || o.Err != nil && !refused(o.Err) {
		b.asked = time.Time{}
	}
	if b.done != nil && !b.done(*o) {
		b.yielded = true
	}
}

// do carries out one step, if the ID is nobody else's by now.
func (b *batch) do(ctx context.Context, step *Step, status string) error {
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	if time.Since(b.seen) > fresh {
		if err := b.local.untaken(ctx, step.ID); err != nil {
			return err
		}
	}
	return b.local.do(ctx, step, status)
}

// open tells whether the next step may be tried, asking for the leader when that is
// not known well enough.
func (b *batch) open(ctx context.Context) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.yielded {
		return false
	}
	if b.stopped == nil && time.Since(b.asked) > slow {
		b.stopped = b.local.Leader(ctx)
		b.asked = time.Now()
	}
	return b.stopped == nil
}

// over tells that no step is to be tried any more.
func (b *batch) over() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.yielded || b.stopped != nil
}

// why says why the batch has stopped, nil if it has not.
func (b *batch) why() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.stopped
}
