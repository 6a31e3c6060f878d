package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/k8s-registrar/k8s-registrar/e2e/consulproc"
	"github.com/k8s-registrar/k8s-registrar/e2e/rig"
)

// away is how long a server stays away.
const away = 5 * time.Second

// measureRestart kills the only server and starts it again after a while, and counts the
// requests in each second from its end on.
func (f *fleet) measureRestart(ctx context.Context, result *fleetResult) error {
	herd, err := f.herd(ctx, f.cluster.Servers()[0])
	result.Restart = herd
	return err
}

// measureLeader kills the leader of three servers and starts it again after a while.
func measureLeader(ctx context.Context, o options, p point, out io.Writer) (herd herdResult, err error) {
	f, err := newFleet(ctx, o, oursName, p, 3)
	if err != nil {
		return herd, err
	}
	defer func() { err = errors.Join(err, f.close()) }()
	if err := f.start(ctx); err != nil {
		return herd, err
	}
	instances := p.Agents * len(f.services)
	if err := f.full(ctx, time.Minute+time.Duration(instances)*startPerService); err != nil {
		return herd, err
	}
	if !rig.Sleep(ctx, f.settle()) {
		return herd, ctx.Err()
	}
	leader, err := f.leader(ctx)
	if err != nil {
		return herd, err
	}
	if herd, err = f.herd(ctx, leader); err == nil {
		fmt.Fprintf(out, "  %s\n", herd.line())
	}
	return herd, err
}

// leader returns the server that leads.
func (f *fleet) leader(ctx context.Context) (*consulproc.Process, error) {
	address, err := f.kv.Status().LeaderWithQueryOptions((&api.QueryOptions{}).WithContext(ctx))
	if err != nil {
		return nil, fmt.Errorf("ask for leader: %w", err)
	}
	for _, server := range f.cluster.Servers() {
		if len(address) > len(server.Address()) && address[:len(server.Address())+1] == server.Address()+":" {
			return server, nil
		}
	}
	return nil, fmt.Errorf("the leader %q is none of ours", address)
}

// herd kills a server and watches what the agents ask for until some time after it is
// back; then a change shows that all of them follow the tree again.
func (f *fleet) herd(ctx context.Context, victim *consulproc.Process) (herdResult, error) {
	f.servers.rates.start()
	begun := time.Now()
	if err := victim.Kill(); err != nil {
		return herdResult{}, err
	}
	rig.Sleep(ctx, away)
	if err := victim.Launch(); err != nil {
		return herdResult{}, err
	}
	if err := victim.WaitReady(ctx); err != nil {
		return herdResult{}, err
	}
	herd := herdResult{Agents: f.point.Agents, Servers: len(f.cluster.Servers()), Back: time.Since(begun).Seconds()}
	s := &f.services[0]
	s.Version++
	w := f.arrivals.expect(*s, f.copies())
	if err := f.put(ctx, s); err != nil {
		return herd, err
	}
	times, missing := f.arrivals.wait(ctx, w, max(f.options.herd, f.options.patience))
	herd.Last, herd.Lost = times.Quantile(1).Seconds(), missing
	rig.Sleep(ctx, time.Until(begun.Add(f.options.herd)))
	herd.Kinds = f.servers.rates.counted()
	herd.Rate = totals(herd.Kinds)
	if ctx.Err() != nil {
		return herd, ctx.Err()
	}
	return herd, f.verify(ctx, f.services[:1])
}
