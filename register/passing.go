package register

import (
	"context"
	"fmt"

	"github.com/hashicorp/consul/api"
)

// Passing asks the servers on which nodes a service of this name and ID is passing, all
// checks of the node included. What ACLs hide is not among them, and without a leader there
// is no answer.
func (l *Local) Passing(ctx context.Context, name string, id ID) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	options := &api.QueryOptions{Filter: fmt.Sprintf("Service.ID == %q", string(id))}
	entries, _, err := l.client.Health().Service(name, "", true, options.WithContext(ctx))
	if err != nil {
		return nil, fmt.Errorf("read passing instances of %s: %w", name, err)
	}
	nodes := make([]string, 0, len(entries))
	for _, entry := range entries {
		nodes = append(nodes, entry.Node.Node)
	}
	return nodes, nil
}
