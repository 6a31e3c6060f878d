package main

import (
	"context"
	"errors"
	"fmt"
	"io"
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
	// request changes what is sent.
	request func(*api.AgentServiceRegistration)
	options api.ServiceRegisterOpts
	client  func(address string) (*api.Client, error)
	shuffle bool
	after   func(context.Context, *api.Client, *api.AgentServiceRegistration) error
}

// fastest is the sequence that [runCalls] found to be the fastest one that is safe.
func fastest() sequence { return sequence{name: "one by one", workers: 1} }

// register registers all services on an agent.
func (q sequence) register(ctx context.Context, node *consulproc.Process, services []measure.Service) error {
	connect := newClient
	if q.client != nil {
		connect = q.client
	}
	client, err := connect(node.HTTPAddr())
	if err != nil {
		return err
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

// coldCalls measures the fastest sequence on an agent of its own, which ends with it.
func (s *stage) coldCalls(ctx context.Context, round int) error {
	took, err := s.timeCalls(ctx, fastest(), fmt.Sprintf("%s-%d", callsName, round))
	if err != nil {
		return err
	}
	result := s.results[floorName]
	result.Cold = append(result.Cold, took.Seconds())
	return nil
}

// timeCalls returns how long a sequence takes until all services are in the catalog.
func (s *stage) timeCalls(ctx context.Context, q sequence, name string) (took time.Duration, err error) {
	c := &contender{name: name, tree: newTree(s.server, callsName, s.size), checks: true}
	if c.node, err = s.cluster.AddClient(ctx, consulproc.Node{Name: name}); err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, c.shut(), retire(ctx, c.node)) }()
	if err := errors.Join(c.open(), s.calm(ctx)); err != nil {
		return 0, err
	}
	begun := time.Now()
	group, both := errgroup.WithContext(ctx)
	group.Go(func() error { return q.register(both, c.node, c.tree.services) })
	group.Go(func() error {
		missing, err := awaitAll(both, s.server, c.tree.services, s.allowance())
		if err == nil && missing > 0 {
			err = fmt.Errorf("%s: %d services are not in the catalog", q.name, missing)
		}
		took = time.Since(begun)
		return err
	})
	err = group.Wait()
	return took, err
}

func runCalls(ctx context.Context, args []string, out io.Writer) error { return nil }
