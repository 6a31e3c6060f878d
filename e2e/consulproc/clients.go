package consulproc

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// AddClient starts one more client agent and returns when it is ready.
func (c *Cluster) AddClient(ctx context.Context, node Node) (*Process, error) {
	client, err := c.makeClient(node)
	if err != nil {
		return nil, fmt.Errorf("add client: %w", err)
	}
	if err := errors.Join(client.Launch(), client.WaitReady(ctx)); err != nil {
		return nil, fmt.Errorf("add client: %w", errors.Join(err, client.Stop()))
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.clients = append(c.clients, client)
	return client, nil
}

// Clients returns the client agents in the order in which they became ready.
func (c *Cluster) Clients() []*Process {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.clients)
}

// makeClient makes a client agent that does not run yet.
func (c *Cluster) makeClient(node Node) (*Process, error) {
	if node.Name == "" {
		node.Name = c.nextName()
	}
	own := map[string]any{
		"server":             false,
		"retry_join":         c.joinAddrs(),
		"leave_on_terminate": true,
	}
	if !node.RandomID {
		own["node_id"] = newUUID()
	}
	config := merge(baseConfig(), own, c.config, node.Config)
	client, err := newProcess(c.binary, node.Name, c.management, config)
	if err == nil {
		client.configDir = node.ConfigDir
	}
	return client, err
}

// nextName returns the name of the next client agent that was given none.
func (c *Cluster) nextName() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.named++
	return fmt.Sprintf("client-%d", c.named)
}
