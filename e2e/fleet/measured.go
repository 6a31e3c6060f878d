package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"time"

	"github.com/k8s-registrar/k8s-registrar/e2e/measure"
	"github.com/k8s-registrar/k8s-registrar/e2e/rig"
)

const (
	// settleTime lets what follows a start come to its end: an agent looks at everything that
	// it has written, about a minute later.
	settleTime = 75 * time.Second
	// changePause lies between two changes: what the agents do later about a change, such
	// as a look at the catalog, belongs to its cost.
	changePause = 2500 * time.Millisecond
	// idleTime is over what time rest is measured: queries that nothing wakes are asked again
	// about once in it.
	idleTime = time.Minute
	// startPerService is how long a service may take to be in the catalog when all start.
	startPerService = 20 * time.Millisecond
	// deployTime is the time in which services are deployed.
	deployTime = time.Minute
)

func newHTTPClient(t http.RoundTripper) *http.Client { return &http.Client{Transport: t} }

// part is something to measure of a fleet.
type part struct {
	name string
	do   func(context.Context, *fleetResult) error
}

// parts returns what is measured, in this order. What the others show is what a change costs.
func (f *fleet) parts() []part {
	all := []part{{"start", f.measureStart}, {"idle", f.measureIdle}, {"changes", f.measureChanges}}
	if f.contender != oursName || f.options.clients {
		return append(all, part{"comparison", func(ctx context.Context, _ *fleetResult) error { return f.verify(ctx, f.services) }})
	}
	return append(all, part{"deploy", f.measureDeploy}, part{"restart of the server", f.measureRestart})
}

// measureFleet measures one fleet with one server.
func measureFleet(ctx context.Context, o options, contender string, p point, out io.Writer) (result fleetResult, err error) {
	f, err := newFleet(ctx, o, contender, p, 1)
	if err != nil {
		return result, err
	}
	defer func() { err = errors.Join(err, f.close()) }()
	result = fleetResult{point: p, Contender: contender, Clients: o.clients, Date: time.Now().UTC().Format("2006-01-02")}
	for _, part := range f.parts() {
		begun := time.Now()
		if err := part.do(ctx, &result); err != nil {
			return result, fmt.Errorf("%s: %w", part.name, err)
		}
		fmt.Fprintf(out, "  %s took %s\n", part.name, time.Since(begun).Round(time.Second))
	}
	fmt.Fprint(out, "  ", result.line(), "\n")
	return result, nil
}

// measureStart starts all agents at once against an empty catalog.
func (f *fleet) measureStart(ctx context.Context, result *fleetResult) error {
	bytes, goroutines := memory()
	cpu, begun := f.serverCPU(), time.Now()
	f.servers.rates.start()
	if err := f.start(ctx); err != nil {
		return err
	}
	instances := f.point.Agents * len(f.services)
	if err := f.full(ctx, time.Minute+time.Duration(instances)*startPerService); err != nil {
		return err
	}
	result.StartSeconds = time.Since(begun).Seconds()
	result.StartCPU = (f.serverCPU() - cpu).Seconds()
	result.Start = totals(f.servers.rates.counted())
	if !rig.Sleep(ctx, f.settle()) {
		return ctx.Err()
	}
	after, more := memory()
	result.AgentKB = float64(after-bytes) / 1024 / float64(f.point.Agents)
	result.AgentGoroutines = float64(more-goroutines) / float64(f.point.Agents)
	if rss, err := measure.Memory(f.cluster.Servers()[0].PID()); err == nil {
		result.ServerMB = float64(rss) / (1 << 20)
	}
	return nil
}

// measureIdle measures what is used while nothing changes.
func (f *fleet) measureIdle(ctx context.Context, result *fleetResult) error {
	f.servers.rates.start()
	cpu, received := f.serverCPU(), f.servers.received.Load()
	if !rig.Sleep(ctx, f.idleTime()) {
		return ctx.Err()
	}
	length := f.idleTime().Seconds()
	result.IdleCPU = (f.serverCPU() - cpu).Seconds() / length
	result.IdleBytes = float64(f.servers.received.Load()-received) / length
	var all int
	for _, n := range f.requests() {
		all += n
	}
	result.IdleRequests = float64(all) / length
	result.IdleWrites = f.requests()["writes"]
	return nil
}

// settle is how long what follows a start takes to come to its end.
func (f *fleet) settle() time.Duration { return f.inShort(settleTime) }

// idleTime is over what time rest is measured.
func (f *fleet) idleTime() time.Duration { return f.inShort(idleTime) }

// inShort is shorter where it only matters that it can be done.
func (f *fleet) inShort(d time.Duration) time.Duration {
	if f.options.herd < time.Minute {
		return min(d, f.options.herd)
	}
	return d
}

// measureChanges changes one service after the other.
func (f *fleet) measureChanges(ctx context.Context, result *fleetResult) error {
	f.servers.rates.start()
	cpu, received, begun := f.serverCPU(), f.servers.received.Load(), time.Now()
	own, _ := measure.CPU(os.Getpid()) // it is zero then, and so is the difference
	for range f.options.changes {
		s := &f.changing()[rand.IntN(len(f.changing()))]
		s.Version++
		times, missing, err := f.change(ctx, s)
		if err != nil {
			return err
		}
		result.Lost += missing
		result.Change = append(result.Change, milliseconds(times.Quantile(0.5)))
		result.Change99 = append(result.Change99, milliseconds(times.Quantile(0.99)))
		result.ChangeLast = append(result.ChangeLast, milliseconds(times.Quantile(1)))
		if !rig.Sleep(ctx, changePause) {
			return ctx.Err()
		}
	}
	length, each := time.Since(begun).Seconds(), float64(f.options.changes*f.point.Agents)
	result.ChangeCPU = ((f.serverCPU() - cpu).Seconds() - length*result.IdleCPU) * 1000 / each
	result.ChangeBytes = (float64(f.servers.received.Load()-received) - length*result.IdleBytes) / each
	now, _ := measure.CPU(os.Getpid())
	result.OwnCPU = milliseconds(now-own) / each
	result.Requests = map[string]float64{}
	for kind, n := range f.requests() {
		result.Requests[kind] = float64(n) / each
	}
	return errors.Join(ctx.Err(), f.ended())
}

// change writes one version and returns when each node has announced it.
func (f *fleet) change(ctx context.Context, s *measure.Service) (times measure.Times, missing int, err error) {
	w := f.arrivals.expect(*s, f.copies())
	if err := f.put(ctx, s); err != nil {
		return nil, 0, err
	}
	times, missing = f.arrivals.wait(ctx, w, f.options.patience)
	return times, missing, ctx.Err()
}

// measureDeploy changes many services within a minute, evenly.
func (f *fleet) measureDeploy(ctx context.Context, result *fleetResult) error {
	count := min(f.options.deploy, len(f.services))
	if count == 0 {
		return nil
	}
	cpu, begun := f.serverCPU(), time.Now()
	gap := min(deployTime, f.options.herd) / time.Duration(count)
	var all []*awaited
	for i := range count {
		s := &f.services[i]
		s.Version++
		all = append(all, f.arrivals.expect(*s, f.copies()))
		if err := f.put(ctx, s); err != nil {
			return err
		}
		if !rig.Sleep(ctx, time.Until(begun.Add(time.Duration(i+1)*gap))) && ctx.Err() != nil {
			return ctx.Err()
		}
	}
	for _, w := range all {
		times, missing := f.arrivals.wait(ctx, w, 10*f.options.patience)
		result.Lost += missing
		result.DeployLast = append(result.DeployLast, milliseconds(times.Quantile(1)))
	}
	result.DeploySeconds = time.Since(begun).Seconds()
	result.DeployCPU = (f.serverCPU() - cpu).Seconds() - result.DeploySeconds*result.IdleCPU
	if !rig.Sleep(ctx, changePause) {
		return ctx.Err()
	}
	return f.verify(ctx, f.services)
}

func milliseconds(d time.Duration) float64 { return measure.Milliseconds(d) }
