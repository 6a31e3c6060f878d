package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/hashicorp/consul/api"
	"golang.org/x/sync/errgroup"

	"github.com/k8s-registrar/k8s-registrar/e2e/consulproc"
	"github.com/k8s-registrar/k8s-registrar/e2e/measure"
	"github.com/k8s-registrar/k8s-registrar/e2e/rival"
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
func fastest() sequence { return sequence{name: "2 at once", workers: 2} }

// register registers all services on an agent.
func (q sequence) register(ctx context.Context, node *consulproc.Process, p *consulproc.Ports, services []measure.Service) error {
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
		r := payload(s, p, fmt.Sprintf("%ds", 10*(1+len(services)/1000)))
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

// payload returns what is registered for a service.
func payload(s measure.Service, p *consulproc.Ports, interval string) *api.AgentServiceRegistration {
	r := rival.Registration(s.Namespace, s.Name, s.Port, s.Tags(), p.Of(s.Port))
	r.Checks[0].Interval = interval
	return r
}

func (q sequence) connect(node *consulproc.Process) (*api.Client, error) {
	if q.client != nil {
		return q.client(node)
	}
	return newClient(node.HTTPAddr())
}

// coldCalls measures the fastest sequence. Its agent becomes that of the floor if it stays.
func (s *stage) coldCalls(ctx context.Context, floor *contender, round int, stays bool) error {
	t, node, err := s.timeCalls(ctx, fastest(), fmt.Sprintf("%s-%d", callsName, round))
	if err != nil {
		return err
	}
	result := s.results[floorName]
	result.Cold = append(result.Cold, t.took.Seconds())
	if stays {
		floor.node = node
		return nil
	}
	return s.retire(ctx, node)
}

// timed is how long a sequence took, and what it cost.
type timed struct{ took, agent, server time.Duration }

// timeCalls returns how long a sequence takes, on a new agent, until all services are in
// the catalog.
func (s *stage) timeCalls(ctx context.Context, q sequence, name string) (t timed, node *consulproc.Process, err error) {
	services := newTree(s.server, callsName, s.size).services
	if node, err = s.cluster.AddClient(ctx, consulproc.Node{Name: name, Config: s.agents}); err != nil {
		return t, nil, err
	}
	if err := s.calm(ctx); err != nil {
		return t, node, err
	}
	before, err := s.consulUsed(node)
	if err != nil {
		return t, node, err
	}
	begun := time.Now()
	group, both := errgroup.WithContext(ctx)
	group.Go(func() error { return q.register(both, node, s.ports, services) })
	group.Go(func() error {
		missing, err := awaitAll(both, s.server, services, s.allowance())
		if err == nil && missing > 0 {
			err = fmt.Errorf("%s: %d services are not in the catalog", q.name, missing)
		}
		t.took = time.Since(begun)
		return err
	})
	if err := group.Wait(); err != nil {
		return t, node, err
	}
	after, err := s.consulUsed(node)
	t.agent, t.server = after.agent-before.agent, after.server-before.server
	return t, node, err
}

// consulUsed returns what an agent and the server have used.
func (s *stage) consulUsed(node *consulproc.Process) (t timed, err error) {
	if t.agent, err = measure.CPU(node.PID()); err != nil {
		return t, err
	}
	t.server, err = measure.CPU(s.cluster.Servers()[0].PID())
	return t, err
}
