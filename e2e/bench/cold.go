package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/k8s-registrar/k8s-registrar/e2e/consulproc"
)

// coldRate is how long a service may take at most to be announced for the first time.
const coldRate = 200 * time.Millisecond

// coldStarts starts each contender with a full tree and an agent that holds nothing. Those
// of the last round go on with what is measured next. The floor has no part in it; the
// fastest calls that are known stand in for it, and fill the agent that it gets.
func (s *stage) coldStarts(ctx context.Context) error {
	rounds := s.options.coldRounds
	if s.size >= 1000 {
		rounds = 1
	}
	for round := range rounds {
		for _, c := range s.turns() {
			start := s.coldStart
			if c.name == floorName {
				start = s.coldCalls
			}
			if err := start(ctx, c, round, round == rounds-1); err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
		}
	}
	return s.startFloor(ctx)
}

func (s *stage) coldStart(ctx context.Context, c *contender, round int, stays bool) (err error) {
	c.node, err = s.cluster.AddClient(ctx, consulproc.Node{Name: fmt.Sprintf("%s-%d", c.name, round)})
	if err != nil {
		return err
	}
	if err := s.calm(ctx); err != nil {
		return err
	}
	begun := time.Now()
	if err := c.start(c.node.HTTPAddr()); err != nil {
		return err
	}
	missing, err := awaitAll(ctx, s.server, c.tree.services, s.allowance())
	if err != nil {
		return err
	}
	result := s.results[c.name]
	switch {
	case !c.alive():
	case missing > 0:
		result.Lost.Cold += missing
	default:
		result.Cold = append(result.Cold, time.Since(begun).Seconds())
	}
	if stays {
		return nil
	}
	if c.alive() {
		err = c.stop()
		c.program = nil // it was told to end
	}
	return errors.Join(err, s.retire(ctx, c.node))
}

// allowance is how long something that concerns all services may take.
func (s *stage) allowance() time.Duration {
	return s.options.patience + time.Duration(s.size)*coldRate
}

// retire takes an agent out of the cluster, and what it had out of the catalog: the servers
// may hold that for a minute even of one that left in good order.
func (s *stage) retire(ctx context.Context, node *consulproc.Process) error {
	if err := errors.Join(node.Terminate(ctx), node.Stop()); err != nil {
		return err
	}
	_, err := s.server.Catalog().Deregister(&api.CatalogDeregistration{Node: node.Name()}, (&api.WriteOptions{}).WithContext(ctx))
	if err != nil {
		return fmt.Errorf("deregister node %s: %w", node.Name(), err)
	}
	return nil
}

// startFloor starts the floor on its agent.
func (s *stage) startFloor(ctx context.Context) error {
	c := s.named(floorName)
	if c == nil {
		return nil
	}
	if err := c.start(c.node.HTTPAddr()); err != nil {
		return err
	}
	missing, err := awaitAll(ctx, s.server, c.tree.services, s.options.patience)
	if err == nil && missing > 0 {
		err = fmt.Errorf("the floor registers nothing: %s", c.program.Logs(3))
	}
	return err
}

func (s *stage) named(name string) *contender {
	for _, c := range s.contenders {
		if c.name == name {
			return c
		}
	}
	return nil
}
