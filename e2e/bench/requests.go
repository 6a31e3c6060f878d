package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/k8s-registrar/k8s-registrar/e2e/consulproc"
	"github.com/k8s-registrar/k8s-registrar/e2e/measure"
	"github.com/k8s-registrar/k8s-registrar/e2e/rig"
)

const (
	// requestsName is that of the tree and of the agent that is asked.
	requestsName = "requests"
	// probeSeldom keeps the probes of checks out of what is measured.
	probeSeldom = "1h"
	// afterwards is for what follows from a request after its answer.
	afterwards = 500 * time.Millisecond
)

// request is something that is asked of Consul many times, by its number. The answer is to
// hold as many things as expected.
type request struct {
	name     string
	times    int
	expected int
	do       asking
}

// asking returns how many things the answer to the ith question holds.
type asking func(ctx context.Context, i int) (int, error)

// asked is an agent with services, and the tree that they are from.
type asked struct {
	name   string // of the node
	local  *api.Client
	tree   *tree
	checks *consulproc.Ports
}

// requests are what a change leads to, or a look at everything. Queries are answered at once:
// one that waited costs its waking besides.
func (a asked) requests() []request {
	size := len(a.tree.services)
	some, chosen := min(size, 7), "^(?:"
	for i := range some {
		chosen += a.payload(i).ID + "|"
	}
	chosen += "none)$"
	return slices.Concat(a.ofTheTree(), []request{
		{"a service on the agent", 200, 1, a.readOne},
		{"it is registered with another tag", 100, 0, a.change},
		{"a doorbell on the services in the catalog", 100, 0, a.services(`ID == "-"`)},
		{"one on the checks", 100, 0, a.probes(`CheckID == "-"`)},
		{"some services in the catalog, with their checks", 60, 2 * some, a.services(fmt.Sprintf("ID matches %q", chosen)).and(a.probes(fmt.Sprintf("ServiceID matches %q", chosen)))},
		{"all on the agent", 30, 2 * size, a.onAgent("", "")},
		{"none, by a pattern", 30, 0, a.onAgent(`ID matches "^none"`, `ServiceID matches "^none"`)},
		{"all in the catalog", 30, 2*size + 1, a.services("").and(a.probes(""))}, // and the node's own check,
	})
}

// ofTheTree are the requests of the tree.
func (a asked) ofTheTree() []request {
	first := a.tree.services[0]
	root := a.tree.keyPath + "/deployments/"
	folder := root + first.Namespace + "/"
	folders := namespaces(len(a.tree.services))
	inFolder := (len(a.tree.services) + folders - 1) / folders
	names := func(prefix string) asking {
		return func(ctx context.Context, _ int) (int, error) {
			keys, _, err := a.local.KV().Keys(prefix, "/", stale(ctx, ""))
			return len(keys), err
		}
	}
	values := func(prefix string) asking {
		return func(ctx context.Context, _ int) (int, error) {
			pairs, _, err := a.local.KV().List(prefix, stale(ctx, ""))
			return len(pairs), err
		}
	}
	return []request{
		{"a value is written", 200, 0, a.write},
		{"one value", 200, 1, values(first.Key(a.tree.keyPath))},
		{"the names of the namespaces", 200, folders, names(root)},
		{"the names in one", 200, inFolder, names(folder)},
		{"its values", 200, inFolder, values(folder)},
	}
}

func stale(ctx context.Context, filter string) *api.QueryOptions {
	return (&api.QueryOptions{AllowStale: true, Filter: filter}).WithContext(ctx)
}

func (a asked) write(ctx context.Context, i int) (int, error) {
	s := a.service(i)
	s.Version += i + 1
	return 0, a.tree.put(ctx, s)
}

func (a asked) readOne(ctx context.Context, i int) (int, error) {
	_, info, err := a.local.Agent().AgentHealthServiceByIDOpts(a.payload(i).ID, stale(ctx, ""))
	if err != nil || info == nil {
		return 0, err
	}
	return len(info.Checks), nil
}

func (a asked) change(ctx context.Context, i int) (int, error) {
	r := a.payload(i)
	r.Tags = append(r.Tags, fmt.Sprintf("changed-%d", i))
	return 0, a.local.Agent().ServiceRegisterOpts(r, api.ServiceRegisterOpts{}.WithContext(ctx))
}

// services asks the catalog for services of the node, and probes for checks.
func (a asked) services(filter string) asking {
	return func(ctx context.Context, _ int) (int, error) {
		list, _, err := a.local.Catalog().NodeServiceList(a.name, stale(ctx, filter))
		if err != nil {
			return 0, err
		}
		return len(list.Services), nil
	}
}

func (a asked) probes(filter string) asking {
	return func(ctx context.Context, _ int) (int, error) {
		list, _, err := a.local.Health().Node(a.name, stale(ctx, filter))
		return len(list), err
	}
}

// and asks for two things, one after the other.
func (ask asking) and(then asking) asking {
	return func(ctx context.Context, i int) (int, error) {
		first, err := ask(ctx, i)
		if err != nil {
			return 0, err
		}
		second, err := then(ctx, i)
		return first + second, err
	}
}

// onAgent asks for services and checks of the agent.
func (a asked) onAgent(services, checks string) asking {
	return func(ctx context.Context, _ int) (int, error) {
		all, err := a.local.Agent().ServicesWithFilterOpts(services, stale(ctx, ""))
		if err != nil {
			return 0, err
		}
		theirs, err := a.local.Agent().ChecksWithFilterOpts(checks, stale(ctx, ""))
		return len(all) + len(theirs), err
	}
}

// service returns one of the services, counted round and round.
func (a asked) service(i int) measure.Service { return a.tree.services[i%len(a.tree.services)] }

// payload returns the registration of a service.
func (a asked) payload(i int) *api.AgentServiceRegistration {
	return payload(a.service(i), a.checks, probeSeldom)
}

// runRequests measures what single requests cost Consul, on an agent that holds services.
func runRequests(ctx context.Context, args []string, out io.Writer) error {
	e := newExperiment(requestsName)
	rest := e.flags.Duration("rest", 8*time.Second, "how `long` to watch Consul before each of them")
	return e.run(ctx, args, out, func(ctx context.Context, s *stage) (string, error) { return s.requestsTable(ctx, *rest) })
}

// requestsTable prices one request after the other.
func (s *stage) requestsTable(ctx context.Context, watch time.Duration) (string, error) {
	a, node, err := s.fillAgent(ctx)
	if err != nil {
		return "", err
	}
	ms := func(d time.Duration) string { return fmt.Sprintf("%.1f ms", measure.Milliseconds(d)) }
	var rows [][]string
	for _, r := range a.requests() {
		each, err := s.price(ctx, node, r, watch)
		if err != nil {
			return "", fmt.Errorf("%s: %w", r.name, err)
		}
		rows = append(rows, []string{r.name, fmt.Sprint(r.times), ms(each.took), ms(each.agent), ms(each.server)})
	}
	return measure.Table([]string{fmt.Sprintf("%d services", s.size), "times", "time", "CPU of the agent", "of the server"}, rows), nil
}

// fillAgent starts an agent, and registers a tree of services on it.
func (s *stage) fillAgent(ctx context.Context) (a asked, node *consulproc.Process, err error) {
	if node, err = s.cluster.AddClient(ctx, consulproc.Node{Name: requestsName}); err != nil {
		return a, nil, err
	}
	a = asked{name: node.Name(), tree: newTree(s.server, requestsName, s.size), checks: s.ports}
	if a.local, err = newClient(node.HTTPAddr()); err != nil {
		return a, node, err
	}
	if err := a.tree.putAll(ctx); err != nil {
		return a, node, err
	}
	seldom := fastest()
	seldom.request = func(r *api.AgentServiceRegistration) { r.Checks[0].Interval = probeSeldom }
	if err := seldom.register(ctx, node, s.ports, a.tree.services); err != nil {
		return a, node, err
	}
	missing, err := awaitAll(ctx, s.server, a.tree.services, s.allowance())
	if err == nil && missing > 0 {
		err = fmt.Errorf("%d services are not in the catalog", missing)
	}
	return a, node, err
}

// price returns how long a request takes, and what it costs. What Consul uses at rest is taken
// off.
func (s *stage) price(ctx context.Context, node *consulproc.Process, r request, watch time.Duration) (each timed, err error) {
	if err := s.calm(ctx); err != nil {
		return each, err
	}
	rest, err := s.usedIn(ctx, node, func() error { return nil }, watch)
	if err != nil {
		return each, err
	}
	var took time.Duration
	used, err := s.usedIn(ctx, node, func() error {
		begun := time.Now()
		for i := range r.times {
			switch got, err := r.do(ctx, i); {
			case err != nil:
				return err
			case got != r.expected:
				return fmt.Errorf("the answer holds %d, not %d", got, r.expected)
			}
		}
		took = time.Since(begun)
		return nil
	}, afterwards)
	share := float64(used.took) / float64(rest.took)
	net := func(used, rest time.Duration) time.Duration {
		return (used - time.Duration(share*float64(rest))) / time.Duration(r.times)
	}
	return timed{took: took / time.Duration(r.times), agent: net(used.agent, rest.agent), server: net(used.server, rest.server)}, err
}

// usedIn returns what Consul uses while something is done and for a while after.
func (s *stage) usedIn(ctx context.Context, node *consulproc.Process, do func() error, then time.Duration) (timed, error) {
	begun := time.Now()
	before, err := s.consulUsed(node)
	if err == nil {
		err = do()
	}
	if err != nil {
		return timed{}, err
	}
	if !rig.Sleep(ctx, then) {
		return timed{}, ctx.Err()
	}
	after, err := s.consulUsed(node)
	return timed{took: time.Since(begun), agent: after.agent - before.agent, server: after.server - before.server}, err
}
