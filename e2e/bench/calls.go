package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/hashicorp/consul/api"
	"golang.org/x/sync/errgroup"

	"github.com/k8s-registrar/k8s-registrar/e2e/consulproc"
	"github.com/k8s-registrar/k8s-registrar/e2e/measure"
)

// callsName is the fastest sequence of calls that is known; it takes part in cold starts.
const callsName = "calls"

// sequence is one way to register many services.
type sequence struct {
	name    string
	workers int
	options api.ServiceRegisterOpts
	// request changes what is sent, if set; after follows with more.
	request func(*api.AgentServiceRegistration)
	after   func(context.Context, *api.Client, *api.AgentServiceRegistration) error
	// client connects in another way, and shuffle sends in any order.
	client  func(*consulproc.Process) (*api.Client, error)
	shuffle bool
}

// fastest is the sequence that [runCalls] found to be the fastest one that is safe.
func fastest() sequence { return sequence{name: "one by one", workers: 1} }

// register registers all services on an agent.
func (q sequence) register(ctx context.Context, node *consulproc.Process, services []measure.Service) error {
	client, err := q.connect(node)
	if err != nil {
		return err
	}
	if q.shuffle {
		services = slices.Clone(services)
		rand.Shuffle(len(services), func(i, j int) { services[i], services[j] = services[j], services[i] })
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(q.workers)
	for _, s := range services {
		check := fmt.Sprintf("%s:%d", node.Address(), s.Port)
		r := registration(s.Namespace, s.Name, s.Port, s.Tags(), check)
		r.Checks[0].Interval = fmt.Sprintf("%ds", 10*(1+len(services)/1000))
		if q.request != nil {
			q.request(r)
		}
		group.Go(func() error {
			err := client.Agent().ServiceRegisterOpts(r, q.options.WithContext(ctx))
			if err == nil && q.after != nil {
				err = q.after(ctx, client, r)
			}
			return err
		})
	}
	return group.Wait()
}

func (q sequence) connect(node *consulproc.Process) (*api.Client, error) {
	if q.client != nil {
		return q.client(node)
	}
	return newClient(node.HTTPAddr())
}

// coldCalls measures the fastest sequence on an agent of its own, which ends with it.
func (s *stage) coldCalls(ctx context.Context, round int) error {
	t, err := s.timeCalls(ctx, fastest(), fmt.Sprintf("%s-%d", callsName, round))
	if err != nil {
		return err
	}
	result := s.results[floorName]
	result.Cold = append(result.Cold, t.took.Seconds())
	return nil
}

// timed is how long a sequence took, and what it cost.
type timed struct{ took, agent, server time.Duration }

// timeCalls returns how long a sequence takes until all services are in the catalog.
func (s *stage) timeCalls(ctx context.Context, q sequence, name string) (t timed, err error) {
	c := &contender{name: name, tree: newTree(s.server, callsName, s.size), checks: true}
	if c.node, err = s.cluster.AddClient(ctx, consulproc.Node{Name: name, Config: s.agents}); err != nil {
		return t, err
	}
	defer func() { err = errors.Join(err, c.shut(), s.retire(ctx, c.node)) }()
	if err := errors.Join(c.open(), s.calm(ctx)); err != nil {
		return t, err
	}
	before, err := s.consulUsed(c.node)
	if err != nil {
		return t, err
	}
	begun := time.Now()
	group, both := errgroup.WithContext(ctx)
	group.Go(func() error { return q.register(both, c.node, c.tree.services) })
	group.Go(func() error {
		missing, err := awaitAll(both, s.server, c.tree.services, s.allowance())
		if err == nil && missing > 0 {
			err = fmt.Errorf("%s: %d services are not in the catalog", q.name, missing)
		}
		t.took = time.Since(begun)
		return err
	})
	if err := group.Wait(); err != nil {
		return t, err
	}
	after, err := s.consulUsed(c.node)
	t.agent, t.server = after.agent-before.agent, after.server-before.server
	return t, err
}

// consulUsed returns what an agent and the server have used.
func (s *stage) consulUsed(node *consulproc.Process) (t timed, err error) {
	if t.agent, err = measure.CPU(node.PID()); err != nil {
		return t, err
	}
	t.server, err = measure.CPU(s.cluster.Servers()[0].PID())
	return t, err
}
