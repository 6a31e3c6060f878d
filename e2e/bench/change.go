package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/k8s-registrar/k8s-registrar/e2e/measure"
	"github.com/k8s-registrar/k8s-registrar/e2e/rig"
)

const (
	// jitter keeps changes from any fixed distance to what is periodic.
	jitter = 150 * time.Millisecond
	// late is how long a change may take and still be in time.
	late = time.Second
)

// changes measures single changes, in rounds in which the contenders take turns.
func (s *stage) changes(ctx context.Context) error {
	for range s.options.rounds {
		round := map[string]measure.Times{}
		for range s.options.changes {
			for _, c := range s.turns() {
				took, lost, err := s.changeOne(ctx, c)
				if errors.Is(err, errDied) {
					continue
				}
				if err != nil {
					return fmt.Errorf("%s: %w", c.name, err)
				}
				round[c.name] = append(round[c.name], took)
				if lost {
					s.results[c.name].Lost.Change++
				}
			}
		}
		for name, times := range round {
			s.results[name].Change.add(times)
		}
	}
	return nil
}

// changeOne gives one service another version, once nothing of the changes before goes on.
func (s *stage) changeOne(ctx context.Context, c *contender) (took time.Duration, lost bool, err error) {
	if err := s.rest(ctx); err != nil {
		return 0, false, err
	}
	service := c.tree.pick()
	service.Version++
	return c.timed(ctx, s.server, *service, true, s.options.patience, func() error { return c.tree.put(ctx, *service) })
}

// deletions measures single deletions. Each service comes back before the next goes.
func (s *stage) deletions(ctx context.Context) error {
	all := map[string]measure.Times{}
	for range s.options.deletes {
		for _, c := range s.turns() {
			if c.name == floorName || c.name == carefulName {
				continue // they remove nothing
			}
			took, lost, err := s.deleteOne(ctx, c)
			if errors.Is(err, errDied) {
				continue
			}
			if err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
			all[c.name] = append(all[c.name], took)
			if lost {
				s.results[c.name].Lost.Delete++
			}
		}
	}
	for name, times := range all {
		s.results[name].Delete.add(times)
	}
	return nil
}

func (s *stage) deleteOne(ctx context.Context, c *contender) (took time.Duration, lost bool, err error) {
	if err := s.rest(ctx); err != nil {
		return 0, false, err
	}
	service := *c.tree.pick()
	took, lost, err = c.timed(ctx, s.server, service, false, s.options.patience, func() error { return c.tree.remove(ctx, service) })
	if err != nil {
		return took, lost, err
	}
	if err := s.rest(ctx); err != nil {
		return took, lost, err
	}
	_, back, err := c.timed(ctx, s.server, service, true, s.options.patience, func() error { return c.tree.put(ctx, service) })
	return took, lost || back, err
}

// bursts changes everything at once, one contender after the other.
func (s *stage) bursts(ctx context.Context) error {
	times := s.options.bursts
	if s.size > maxTemplate {
		times = min(times, 1)
	}
	for range times {
		for _, c := range s.turns() {
			if c.name == floorName {
				continue
			}
			if err := s.burst(ctx, c); err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
		}
	}
	return nil
}

func (s *stage) burst(ctx context.Context, c *contender) error {
	if err := s.rest(ctx); err != nil {
		return err
	}
	begun := time.Now()
	if err := c.tree.change(ctx); err != nil {
		return err
	}
	missing, err := awaitAll(ctx, s.server, c.tree.services, s.allowance())
	switch {
	case err != nil:
		return err
	case missing > 0:
		s.results[c.name].Lost.Burst += missing
	default:
		s.results[c.name].Burst = append(s.results[c.name].Burst, time.Since(begun).Seconds())
	}
	return nil
}

// memory reads the highest memory of all that went before.
func (s *stage) memory(context.Context) error {
	for _, c := range s.turns() {
		peak, err := measure.PeakMemory(c.program.PID())
		if err != nil {
			return err
		}
		s.results[c.name].PeakMB = float64(peak) / (1 << 20)
	}
	return nil
}

// rest waits until nothing goes on, and a while longer.
func (s *stage) rest(ctx context.Context) error {
	if err := s.calm(ctx); err != nil {
		return err
	}
	if !rig.Sleep(ctx, 100*time.Millisecond+rand.N(jitter)) {
		return ctx.Err()
	}
	return nil
}
