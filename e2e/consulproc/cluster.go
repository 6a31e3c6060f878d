package consulproc

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// A Cluster is a datacenter of Consul processes.
type Cluster struct {
	binary     string
	management string         // "" without ACLs
	config     map[string]any // what the options say about every agent
	servers    []*Process

	mu      sync.Mutex // guards the following
	clients []*Process
	named   int // how many clients got a name here
}

// Start starts the servers, then the client agents, and returns when all are ready. After
// an error nothing is left running.
func Start(ctx context.Context, options Options) (*Cluster, error) {
	c, err := newCluster(options)
	if err != nil {
		return nil, fmt.Errorf("start consul: %w", err)
	}
	if err := c.start(ctx, options); err != nil {
		return nil, fmt.Errorf("start consul: %w", errors.Join(err, c.Stop()))
	}
	return c, nil
}

// newCluster settles what all agents have in common.
func newCluster(options Options) (*Cluster, error) {
	c := &Cluster{binary: options.Binary, config: options.Config}
	if c.binary == "" {
		binary, err := Binary()
		if err != nil {
			return nil, err
		}
		c.binary = binary
	}
	if options.DefaultPolicy != "" {
		c.management = options.ManagementToken
		if c.management == "" {
			c.management = newUUID()
		}
		c.config = merge(aclConfig(options.DefaultPolicy, c.management), options.Config)
	}
	return c, nil
}

// start runs everything; on error some of it may be left.
func (c *Cluster) start(ctx context.Context, options Options) error {
	if err := c.makeServers(max(1, options.Servers), options.ServerConfig); err != nil {
		return err
	}
	if err := each(c.servers, (*Process).Launch); err != nil {
		return err
	}
	waitReady := func(p *Process) error { return p.WaitReady(ctx) }
	if err := each(c.servers, waitReady); err != nil {
		return err
	}
	for range options.Clients {
		client, err := c.makeClient(Node{})
		if err != nil {
			return err
		}
		c.clients = append(c.clients, client)
	}
	if err := each(c.clients, (*Process).Launch); err != nil {
		return err
	}
	return each(c.clients, waitReady)
}

// makeServers makes n servers that elect a leader once all are up.
func (c *Cluster) makeServers(n int, config map[string]any) error {
	for i := range n {
		own := map[string]any{
			"server":             true,
			"bootstrap_expect":   n,
			"node_id":            newUUID(),
			"leave_on_terminate": false,
		}
		name := fmt.Sprintf("server-%d", i+1)
		server, err := newProcess(c.binary, name, c.management, merge(baseConfig(), own, c.config, config))
		if err != nil {
			return err
		}
		c.servers = append(c.servers, server)
	}
	if n > 1 {
		for _, server := range c.servers {
			server.Configure(map[string]any{"retry_join": c.joinAddrs()})
		}
	}
	return nil
}

// joinAddrs returns where the servers gossip.
func (c *Cluster) joinAddrs() []string {
	addrs := make([]string, 0, len(c.servers))
	for _, server := range c.servers {
		addrs = append(addrs, join(server.address, serfPort))
	}
	return addrs
}

// Servers returns the servers.
func (c *Cluster) Servers() []*Process { return slices.Clone(c.servers) }

// Stop ends all processes for good and removes their files. Stopping again does nothing.
func (c *Cluster) Stop() error {
	return each(c.all(), (*Process).Stop)
}

// Logs returns the last n lines of every process, each under the name of its node.
func (c *Cluster) Logs(n int) string {
	var text strings.Builder
	for _, p := range c.all() {
		fmt.Fprintf(&text, "--- %s\n%s", p.Name(), p.Logs(n))
	}
	return text.String()
}

// all returns the client agents, then the servers.
func (c *Cluster) all() []*Process {
	return append(c.Clients(), c.servers...)
}

// each does something to all processes at once and returns what went wrong.
func each(processes []*Process, do func(*Process) error) error {
	errs := make([]error, len(processes))
	var wait sync.WaitGroup
	for i, p := range processes {
		wait.Go(func() { errs[i] = do(p) })
	}
	wait.Wait()
	return errors.Join(errs...)
}
