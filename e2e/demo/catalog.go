package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/consul/api"
)

// A catalog is what Consul's servers tell those who look for services.
type catalog struct {
	client *api.Client
}

// An instance is a service on the one node there is; nil means that there is none.
type instance = *api.ServiceEntry

// A sight is an answer of the catalog.
type sight struct {
	found instance
	index uint64
}

// ask returns the instance of a service, waiting while the index is the given one.
func (c catalog) ask(ctx context.Context, name string, index uint64) (sight, error) {
	options := (&api.QueryOptions{WaitIndex: index, WaitTime: time.Minute}).WithContext(ctx)
	entries, meta, err := c.client.Health().Service(name, "", false, options)
	if err != nil {
		return sight{}, fmt.Errorf("ask catalog for %s: %w", name, err)
	}
	if len(entries) > 1 {
		return sight{}, fmt.Errorf("ask catalog for %s: it has %d instances, want 1", name, len(entries))
	}
	if len(entries) == 0 {
		return sight{index: meta.LastIndex}, nil
	}
	return sight{entries[0], meta.LastIndex}, nil
}

// wait returns the instance as soon as it is as wanted. It asks with blocking queries, the
// first of which is answered at once if nothing was seen yet.
func (c catalog) wait(ctx context.Context, name string, seen sight, want func(instance) bool) (instance, error) {
	for {
		next, err := c.ask(ctx, name, seen.index)
		switch {
		case ctx.Err() != nil:
			return nil, fmt.Errorf("the catalog has %s", describe(name, seen.found))
		case err != nil:
			return nil, err
		case want(next.found):
			return next.found, nil
		case next.index < seen.index:
			next.index = 0
		}
		seen = next
	}
}

// after does something and returns how long it took from there to the answer that shows
// the instance as wanted, which it is not yet.
func (c catalog) after(ctx context.Context, do func() error, name string, want func(instance) bool) (instance, time.Duration, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	seen, err := c.ask(ctx, name, 0)
	if err != nil {
		return nil, 0, err
	}
	type answer struct {
		found instance
		at    time.Time
		err   error
	}
	answers := make(chan answer, 1)
	go func() {
		found, err := c.wait(ctx, name, seen, want)
		answers <- answer{found, time.Now(), err}
	}()
	begun := time.Now()
	if err := do(); err != nil {
		return nil, 0, err
	}
	a := <-answers
	return a.found, a.at.Sub(begun), a.err
}

// pool returns how many instances a load balancer finds: only the passing ones.
func (c catalog) pool(ctx context.Context, name string) (int, error) {
	entries, _, err := c.client.Health().Service(name, "", true, (&api.QueryOptions{}).WithContext(ctx))
	if err != nil {
		return 0, fmt.Errorf("ask catalog for passing %s: %w", name, err)
	}
	return len(entries), nil
}

// announces tells whether the instance is what the service asks for, and passing.
func (s service) announces(found instance) bool {
	return found != nil && found.Service.Port == s.nodePort && slices.Equal(found.Service.Tags, s.tags()) &&
		status(found) == api.HealthPassing
}

// absent tells whether there is no instance.
func absent(found instance) bool { return found == nil }

// withStatus returns whether the checks of an instance say that.
func withStatus(want string) func(instance) bool {
	return func(found instance) bool { return found != nil && status(found) == want }
}

// status is the worst of all checks of the instance and its node.
func status(found instance) string { return found.Checks.AggregatedStatus() }

// checkOutput returns what the check of the NodePort last said.
func checkOutput(found instance) string {
	for _, check := range found.Checks {
		if check.ServiceID == found.Service.ID {
			return strings.TrimSpace(check.Output)
		}
	}
	return ""
}

// describe says in words what the catalog has.
func describe(name string, found instance) string {
	if found == nil {
		return "no " + name
	}
	return fmt.Sprintf("%s on port %d, %s, tags %s", name, found.Service.Port, status(found), strings.Join(found.Service.Tags, " "))
}
