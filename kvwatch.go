package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/k8s-registrar/k8s-registrar/kvschema/kvtree"
)

// settle is how long to wait for more after an event: a watch begins with all Services
// there are, and each write wakes every node.
const settle = 250 * time.Millisecond

// watch makes a pass for what comes in at about the same time, again and again. What is
// wrong with one Service does not end it.
func (i *importer) watch(ctx context.Context, input io.Reader) error {
	events, failed := follow(ctx, input)
	for more := true; more; {
		var in kvtree.Input
		in, more = gather(ctx, events)
		if ctx.Err() != nil {
			return nil
		}
		if in.Len() == 0 {
			continue
		}
		result, err := i.pass(ctx, in)
		if err != nil {
			return err
		}
		if err := result.err(); err != nil {
			fmt.Fprintln(i.errs, "k8s-registrar: error:", err) //nolint:errcheck // nothing is left to tell it to
		}
	}
	if err := <-failed; !errors.Is(err, io.EOF) {
		return err
	}
	return nil
}

// follow reads events as they come, and in the end why there are no more.
func follow(ctx context.Context, input io.Reader) (<-chan []kvtree.Event, <-chan error) {
	reader := kvtree.NewReader(input)
	reader.EventsOnly = true
	events, failed := make(chan []kvtree.Event), make(chan error, 1)
	go func() {
		defer close(events)
		for {
			next, err := reader.Next()
			if err != nil {
				failed <- err
				return
			}
			select {
			case events <- next:
			case <-ctx.Done():
				return
			}
		}
	}()
	return events, failed
}

// gather takes in events until there are none for a moment; false means that none follow.
func gather(ctx context.Context, events <-chan []kvtree.Event) (in kvtree.Input, more bool) {
	var settled <-chan time.Time
	for {
		select {
		case <-ctx.Done():
			return in, false
		case <-settled:
			return in, true
		case next, open := <-events:
			if !open {
				return in, false
			}
			in.Add(next...)
			if settled == nil {
				settled = time.After(settle)
			}
		}
	}
}
