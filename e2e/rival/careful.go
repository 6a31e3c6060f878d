package rival

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/consul/api"
	"golang.org/x/sync/errgroup"
)

// Careful is the floor with what a whole tree asks of anybody. It waits for the names of
// each namespace, since to wait for values would read the tree once a minute though nothing
// happens, and to wait for each key alone would need more queries than Consul lets a client
// have. So it has to read a namespace to learn which key has changed. And it looks whose a
// service is before it writes. It removes nothing, guards nothing, and gives up at the first
// error.
type Careful struct {
	Client   *api.Client
	Prefix   string // of the tree
	Address  string // the host that checks dial
	Interval string // the time between two checks

	mu   sync.Mutex // one registration at a time
	seen map[string]uint64
}

// Run carries until the context ends, which is no error. Namespaces that come later are not
// seen.
func (c *Careful) Run(ctx context.Context) error {
	c.seen = map[string]uint64{}
	namespaces, _, err := c.Client.KV().Keys(c.Prefix, "/", (&api.QueryOptions{}).WithContext(ctx))
	if err != nil {
		return endOf(ctx, err)
	}
	group, ctx := errgroup.WithContext(ctx)
	for _, namespace := range namespaces {
		group.Go(func() error { return endOf(ctx, c.follow(ctx, namespace)) })
	}
	return group.Wait()
}

// follow carries what changes in a namespace into the catalog.
func (c *Careful) follow(ctx context.Context, namespace string) error {
	var index uint64
	for {
		wait := (&api.QueryOptions{AllowStale: true, WaitIndex: index, WaitTime: time.Minute}).WithContext(ctx)
		_, meta, err := c.Client.KV().Keys(namespace, "/", wait)
		if err != nil {
			return err
		}
		if meta.LastIndex == index {
			continue
		}
		index = meta.LastIndex
		read := (&api.QueryOptions{AllowStale: true, WaitIndex: index - 1, WaitTime: time.Minute}).WithContext(ctx)
		pairs, _, err := c.Client.KV().List(namespace, read)
		if err != nil {
			return err
		}
		for _, pair := range pairs {
			if err := c.carry(ctx, pair); err != nil {
				return err
			}
		}
	}
}

// carry registers a service whose value is new.
func (c *Careful) carry(ctx context.Context, pair *api.KVPair) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.seen[pair.Key] == pair.ModifyIndex {
		return nil
	}
	r, err := carried(pair, "")
	if err != nil {
		return err
	}
	r.ID = strings.Replace(r.ID, "floor", "careful", 1)
	r.Checks[0].CheckID = "service:" + r.ID
	r.Checks[0].TCP, r.Checks[0].Interval = fmt.Sprintf("%s:%d", c.Address, r.Port), c.Interval
	_, have, err := c.Client.Agent().AgentHealthServiceByIDOpts(r.ID, (&api.QueryOptions{}).WithContext(ctx))
	if err != nil {
		return err
	}
	if have == nil || have.Service == nil || !slices.Equal(have.Service.Tags, r.Tags) {
		if err := c.Client.Agent().ServiceRegisterOpts(r, api.ServiceRegisterOpts{}.WithContext(ctx)); err != nil {
			return err
		}
	}
	c.seen[pair.Key] = pair.ModifyIndex
	return nil
}
