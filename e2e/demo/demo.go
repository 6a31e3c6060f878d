package main

import (
	"context"
	"fmt"
	"time"
)

const (
	// stepTimeout is far beyond what a step takes on a busy machine, and still leaves
	// the demo below a minute when one fails.
	stepTimeout = 30 * time.Second
	// pace lies between two changes. The agent reads a change that comes alone at once;
	// one right behind another waits for up to watch.min_interval, 100 ms.
	pace = 300 * time.Millisecond
	// logLines is how much of the agent's log is shown after a failure.
	logLines = 20
)

// A demo is the story: what is on the stage, and how it is told.
type demo struct {
	options options
	show    *screen
	stage   stage
	agent   *daemon
	catalog catalog

	echoserver, checkout, grafana service
}

// A step is a chapter of the story.
type step struct {
	title string
	do    func(context.Context) error
}

// run tells the story. Whatever it leaves is on the stage.
func (d *demo) run(ctx context.Context) error {
	begun := time.Now()
	d.show.title("k8s-registrar at work: one node, a real Consul, the real agent.")
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	steps := []step{
		{"Start Consul", d.startConsul},
		{"Deploy three Services", d.deploy},
		{"Start the agent", func(ctx context.Context) error { return d.startAgent(ctx, cancel) }},
		{"Look into the catalog", d.look},
		{"Change a tag", d.changeTag},
		{"Lose a NodePort", d.losePort},
		{"Break a value", d.breakValue},
		{"Undeploy a Service", d.undeploy},
		{"Ask what is left to do", d.plan},
	}
	for i, s := range steps {
		if err := d.play(ctx, i+1, s); err != nil {
			return err
		}
	}
	if d.options.keep {
		if err := d.keep(ctx); err != nil {
			return err
		}
	}
	// The end takes its time whether or not somebody has lost patience.
	if err := d.play(context.WithoutCancel(ctx), len(steps)+1, step{"Stop", d.end}); err != nil {
		return err
	}
	d.show.end()
	d.show.title(fmt.Sprintf("All %d steps did what they should, in %s.", len(steps)+1, short(time.Since(begun))))
	return nil
}

// play carries out one step.
func (d *demo) play(ctx context.Context, number int, s step) error {
	d.show.step(number, s.title)
	ctx, cancel := context.WithTimeoutCause(ctx, stepTimeout, fmt.Errorf("it did not happen within %s", stepTimeout))
	defer cancel()
	if err := s.do(ctx); err != nil {
		return fmt.Errorf("step %d, %s: %w", number, s.title, because(ctx, err))
	}
	rest(ctx)
	return nil
}

// because returns err with the reason if it came of giving up.
func because(ctx context.Context, err error) error {
	switch ctx.Err() {
	case nil:
		return err
	case context.DeadlineExceeded:
		return fmt.Errorf("%w: %w", context.Cause(ctx), err)
	default: // what was going on when the agent ended, or a signal came, is of no interest
		return context.Cause(ctx)
	}
}

// rest keeps the distance between two changes.
func rest(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-time.After(pace):
	}
}

// poll looks again and again until there is no error, and returns the last one when it
// gives up.
func poll(ctx context.Context, look func() error) error {
	for {
		err := look()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(5 * time.Millisecond):
		}
	}
}
