package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/k8s-registrar/k8s-registrar/e2e/measure"
	"github.com/k8s-registrar/k8s-registrar/e2e/rig"
)

const (
	// costPause lies between two changes whose costs are counted: what a contender does
	// later about a change, such as a look at the catalog, belongs to its cost.
	costPause = 1500 * time.Millisecond
	// settlePause lets everything that follows a start come to its end.
	settlePause = 15 * time.Second
)

// usage is what was used so far, at an instant.
type usage struct {
	at                 time.Time
	own, agent, server time.Duration
	received           int64
	index              uint64 // of the node's services in the catalog
}

// costs measures processor time and bytes. All contenders start once more, with a meter
// between them and their agents, and are watched at rest first: what they use then is
// taken off what they use for changes.
func (s *stage) costs(ctx context.Context) error {
	meters := map[string]*measure.Meter{}
	for _, c := range s.turns() {
		meter, err := measure.NewMeter(c.node.HTTPAddr())
		if err != nil {
			return err
		}
		defer meter.Close() //nolint:revive // until the end of the function is right
		meters[c.name] = meter
		if err := errors.Join(c.stop(), c.start(meter.Address())); err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
	}
	settle := settlePause
	if s.options.quick {
		settle = time.Second
	}
	if !rig.Sleep(ctx, settle) {
		return ctx.Err()
	}
	rates, err := s.idle(ctx, meters)
	if err != nil {
		return err
	}
	for _, c := range s.turns() {
		if err := s.cost(ctx, c, meters[c.name], rates[c.name]); err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
	}
	return nil
}

// idle returns what each contender uses while nothing happens, as a usage per idle time.
func (s *stage) idle(ctx context.Context, meters map[string]*measure.Meter) (map[string]usage, error) {
	if err := s.calm(ctx); err != nil {
		return nil, err
	}
	before, rates := map[string]usage{}, map[string]usage{}
	turns := s.turns()
	for _, c := range turns {
		var err error
		if before[c.name], err = s.usage(ctx, c, meters[c.name]); err != nil {
			return nil, err
		}
	}
	if !rig.Sleep(ctx, s.options.idle) {
		return nil, ctx.Err()
	}
	for _, c := range turns {
		now, err := s.usage(ctx, c, meters[c.name])
		if err != nil {
			return nil, err
		}
		rate := now.since(before[c.name])
		rates[c.name] = rate
		length := now.at.Sub(before[c.name].at)
		result := s.results[c.name]
		result.Idle = idleResult{
			OwnPercent:    100 * rate.own.Seconds() / length.Seconds(),
			AgentPercent:  100 * rate.agent.Seconds() / length.Seconds(),
			ServerPercent: 100 * rate.server.Seconds() / length.Seconds(),
			Bytes:         float64(rate.received) * time.Minute.Seconds() / length.Seconds(),
			Wrote:         rate.index > 0,
		}
	}
	return rates, nil
}

// cost makes changes of one contender alone.
func (s *stage) cost(ctx context.Context, c *contender, meter *measure.Meter, idle usage) error {
	if err := s.rest(ctx); err != nil {
		return err
	}
	before, err := s.usage(ctx, c, meter)
	if err != nil {
		return err
	}
	for range s.options.costs {
		service := c.tree.pick()
		service.Version++
		_, lost, err := c.timed(ctx, s.server, *service, true, s.options.patience, func() error { return c.tree.put(ctx, *service) })
		if err != nil {
			return err
		}
		if lost {
			s.results[c.name].Lost.Cost++
		}
		if !rig.Sleep(ctx, costPause) {
			return ctx.Err()
		}
	}
	after, err := s.usage(ctx, c, meter)
	if err != nil {
		return err
	}
	used := after.since(before)
	share := float64(after.at.Sub(before.at)) / float64(s.options.idle)
	each := func(used, idle time.Duration) float64 {
		return measure.Milliseconds(used-time.Duration(share*float64(idle))) / float64(s.options.costs)
	}
	s.results[c.name].Cost = costResult{
		Own: each(used.own, idle.own), Agent: each(used.agent, idle.agent), Server: each(used.server, idle.server),
		Bytes: (float64(used.received) - share*float64(idle.received)) / float64(s.options.costs),
	}
	return nil
}

// usage reads what a contender, its agent and the server have used.
func (s *stage) usage(ctx context.Context, c *contender, meter *measure.Meter) (usage, error) {
	u := usage{at: time.Now(), received: meter.Received()}
	list, meta, err := s.server.Catalog().NodeServiceList(c.node.Name(), (&api.QueryOptions{Filter: `ID == "-"`}).WithContext(ctx))
	if err != nil || list == nil {
		return u, fmt.Errorf("read node %s from the catalog: %w", c.node.Name(), err)
	}
	u.index = meta.LastIndex
	for pid, used := range map[int]*time.Duration{
		c.program.PID(): &u.own, c.node.PID(): &u.agent, s.cluster.Servers()[0].PID(): &u.server,
	} {
		if *used, err = measure.CPU(pid); err != nil {
			return u, err
		}
	}
	return u, nil
}

func (u usage) since(before usage) usage {
	return usage{
		at: u.at, own: u.own - before.own, agent: u.agent - before.agent, server: u.server - before.server,
		received: u.received - before.received, index: u.index - before.index,
	}
}
