package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"runtime"
	"sync"
	"time"

	"github.com/hashicorp/consul/api"
	"github.com/hashicorp/go-hclog"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/k8s-registrar/k8s-registrar/agent"
	"github.com/k8s-registrar/k8s-registrar/config"
	"github.com/k8s-registrar/k8s-registrar/e2e/consulproc"
	"github.com/k8s-registrar/k8s-registrar/e2e/measure"
	"github.com/k8s-registrar/k8s-registrar/e2e/rig"
)

// keyPath is that of the tree which all agents follow.
const keyPath = "fleet"

// fleet is Consul's servers and agents that use them.
type fleet struct {
	options   options
	contender string // what runs on each node
	point     point
	dir       string
	cluster   *consulproc.Cluster
	kv        *api.Client // of the first server
	servers   *servers
	arrivals  *arrivals
	nodes     []*node
	services  []measure.Service
	ports     *consulproc.Ports // for the checks of client agents

	cancel context.CancelFunc
	agents sync.WaitGroup
	mu     sync.Mutex // guards failed
	failed error      // of an agent that ended
}

// newFleet starts so many servers and fills the tree. No agent runs yet.
func newFleet(ctx context.Context, o options, contender string, p point, serverCount int) (*fleet, error) {
	f := &fleet{options: o, contender: contender, point: p, arrivals: &arrivals{}}
	if err := f.prepare(ctx, serverCount); err != nil {
		return nil, errors.Join(err, f.close())
	}
	return f, nil
}

func (f *fleet) prepare(ctx context.Context, serverCount int) (err error) {
	if f.dir, err = os.MkdirTemp("", "fleet-"); err != nil {
		return err
	}
	https, err := measure.HTTPS(f.dir)
	if err != nil {
		return err
	}
	// All nodes have one address here; on machines of their own each has its own limit.
	https["limits"] = map[string]any{"http_max_conns_per_client": 15_000}
	options := consulproc.Options{Binary: f.options.consul, Servers: serverCount, ServerConfig: https}
	if f.options.clients {
		options.Clients, options.Config = f.point.Agents, measure.LateOutput()
	}
	if f.cluster, err = consulproc.Start(ctx, options); err != nil {
		return err
	}
	var addresses []string
	for _, server := range f.cluster.Servers() {
		addresses = append(addresses, fmt.Sprintf("%s:%d", server.Address(), measure.HTTPSPort))
	}
	f.servers = newServers(addresses, f.point.Agents)
	if f.kv, err = f.cluster.Servers()[0].Client(""); err != nil {
		return err
	}
	for i := range f.point.Services {
		f.services = append(f.services, measure.Service{
			Namespace: fmt.Sprintf("team-%02d", i%f.point.Namespaces), Name: fmt.Sprintf("service-%04d", i), Port: 30_000 + i, Version: 1,
		})
	}
	var ports []int
	for i := range f.services {
		ports = append(ports, f.services[i].Port)
		if err := f.put(ctx, &f.services[i]); err != nil {
			return err
		}
	}
	if f.options.clients {
		f.ports, err = consulproc.OpenPorts(f.cluster.Servers()[0].Address(), ports)
	}
	return err
}

// put writes a service into the tree.
func (f *fleet) put(ctx context.Context, s *measure.Service) error {
	pair := &api.KVPair{Key: s.Key(keyPath), Value: s.Value()}
	if _, err := f.kv.KV().Put(pair, (&api.WriteOptions{}).WithContext(ctx)); err != nil {
		return fmt.Errorf("write %s: %w", pair.Key, err)
	}
	return nil
}

// start runs all agents at once, as after a power cut.
func (f *fleet) start(ctx context.Context) error {
	ctx, f.cancel = context.WithCancel(ctx)
	for i := range f.point.Agents {
		n := newNode(i, f.servers, f.arrivals)
		if f.options.clients {
			n = n.behind(f.cluster.Clients()[i], f.ports.Address())
		}
		f.nodes = append(f.nodes, n)
		run, err := f.program(n)
		if err != nil {
			return err
		}
		f.agents.Go(func() {
			if err := run(ctx); err != nil && ctx.Err() == nil {
				f.mu.Lock()
				defer f.mu.Unlock()
				f.failed = errors.Join(f.failed, fmt.Errorf("%s: %w", n.name, err))
			}
		})
	}
	return nil
}

// newAgent returns the product, as an operator gets it but for what says so here.
func (f *fleet) newAgent(n *node) (*agent.Agent, error) {
	cfg := config.Default()
	cfg.KeyPath = keyPath
	cfg.Telemetry.Listen = ""
	cfg.Check.InitialStatus = api.HealthPassing // stand-ins have no ports to dial
	cfg.Guard.AllowRemovals = true              // nobody is there to approve
	if f.options.clients {
		cfg.Node.Address = netip.MustParseAddr(n.address)
	}
	if f.options.copies > 0 {
		cfg.Spread.Copies, cfg.Telemetry.Announce = f.options.copies, daemons
		cfg.Telemetry.Listen = "127.0.0.1:0"
	}
	token := agent.NewToken("")
	client, err := api.NewClient(&api.Config{
		Address: "stand-in", Token: agent.TokenPlace, HttpClient: newHTTPClient(token.Transport(n)),
	})
	if err != nil {
		return nil, fmt.Errorf("make client: %w", err)
	}
	log := hclog.NewNullLogger()
	if f.options.verbose {
		log = hclog.New(&hclog.LoggerOptions{Name: n.name, Level: hclog.Warn})
	}
	return agent.New(cfg, agent.Consul{Client: client, Token: token}, log, prometheus.NewRegistry()), nil
}

// daemons is the service of the daemons themselves, where services are spread.
const daemons = "k8s-registrar"

// copies is how many nodes announce a service.
func (f *fleet) copies() int {
	if f.options.copies == 0 {
		return f.point.Agents
	}
	return min(f.options.copies, f.point.Agents)
}

// full waits until every node holds every service, or all nodes together as many copies as
// there should be.
func (f *fleet) full(ctx context.Context, within time.Duration) error {
	return rig.Eventually(ctx, within, func() error {
		if err := f.ended(); err != nil {
			return err
		}
		var all int
		for _, n := range f.nodes {
			all += n.holds()
			if f.options.copies == 0 && n.holds() != len(f.services) {
				return fmt.Errorf("%s holds %d of %d services", n.name, n.holds(), len(f.services))
			}
		}
		if want := f.copies() * len(f.services); all != want {
			return fmt.Errorf("the nodes hold %d services, want %d", all, want)
		}
		return nil
	})
}

// ended returns why an agent has ended by itself; nil while all run.
func (f *fleet) ended() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.failed
}

// serverCPU returns the processor time of all servers that run.
func (f *fleet) serverCPU() (all time.Duration) {
	for _, server := range f.cluster.Servers() {
		used, err := measure.CPU(server.PID())
		if err == nil {
			all += used
		}
	}
	return all
}

// memory returns what this process holds for its agents and their stand-ins.
func memory() (bytes uint64, goroutines int) {
	runtime.GC()
	runtime.GC() // what the first one freed with finalizers
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc + m.StackInuse, runtime.NumGoroutine()
}

// verify compares the catalog with the tree: what the nodes say of themselves is not what
// counts.
func (f *fleet) verify(ctx context.Context, services []measure.Service) error {
	for _, s := range services {
		found, _, err := f.kv.Catalog().Service(s.Name, "", (&api.QueryOptions{RequireConsistent: true}).WithContext(ctx))
		if err != nil {
			return fmt.Errorf("look for %s in the catalog: %w", s.Name, err)
		}
		nodes := map[string]bool{}
		for _, instance := range found {
			if tagged(instance.ServiceTags, s.Tag()) {
				nodes[instance.Node] = true
			}
		}
		if len(nodes) != f.copies() {
			return fmt.Errorf("%s is in the catalog as it should be on %d nodes, want %d", s.Name, len(nodes), f.copies())
		}
	}
	return nil
}

// close stops everything.
func (f *fleet) close() error {
	if f.cancel != nil {
		f.cancel()
		f.agents.Wait()
	}
	errs := []error{os.RemoveAll(f.dir), f.ports.Close()}
	if f.cluster != nil {
		errs = append(errs, f.cluster.Stop())
	}
	if f.servers != nil {
		for _, t := range f.servers.transports {
			t.CloseIdleConnections()
		}
	}
	return errors.Join(errs...)
}

// requests returns what was asked since rates were started, by kind.
func (f *fleet) requests() map[string]int {
	all := map[string]int{}
	for kind, counts := range maps.All(f.servers.rates.counted()) {
		for _, n := range counts {
			all[kind] += n
		}
	}
	return all
}
