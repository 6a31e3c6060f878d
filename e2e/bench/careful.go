package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/consul/api"
	"golang.org/x/sync/errgroup"
)

// careful is the floor with what a whole tree asks of anybody. It waits for the names of
// each namespace, since to wait for values would read the tree once a minute though nothing
// happens, and to wait for each key alone would need more queries than Consul lets a client
// have. So it has to read a namespace to learn which key has changed. And it looks whose a
// service is before it writes. It removes nothing, guards nothing, and gives up at the first
// error.
type careful struct {
	client            *api.Client
	address, interval string // of the checks

	mu   sync.Mutex // one registration at a time
	seen map[string]uint64
}

func runCareful(ctx context.Context, args []string, _ io.Writer) error {
	flags := flag.NewFlagSet("careful", flag.ContinueOnError)
	consul := flags.String("consul", "", "`host:port` of the local agent")
	prefix := flags.String("prefix", "", "the `prefix` of the tree")
	c := careful{seen: map[string]uint64{}}
	flags.StringVar(&c.address, "address", "", "the `host` that checks dial")
	flags.StringVar(&c.interval, "interval", "10s", "the `time` between two checks")
	if err := flags.Parse(args); err != nil {
		return err
	}
	var err error
	if c.client, err = newClient(*consul); err != nil {
		return err
	}
	namespaces, _, err := c.client.KV().Keys(*prefix, "/", (&api.QueryOptions{}).WithContext(ctx))
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
func (c *careful) follow(ctx context.Context, namespace string) error {
	var index uint64
	for {
		wait := (&api.QueryOptions{AllowStale: true, WaitIndex: index, WaitTime: time.Minute}).WithContext(ctx)
		_, meta, err := c.client.KV().Keys(namespace, "/", wait)
		if err != nil {
			return err
		}
		if meta.LastIndex == index {
			continue
		}
		index = meta.LastIndex
		read := (&api.QueryOptions{AllowStale: true, WaitIndex: index - 1, WaitTime: time.Minute}).WithContext(ctx)
		pairs, _, err := c.client.KV().List(namespace, read)
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
func (c *careful) carry(ctx context.Context, pair *api.KVPair) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.seen[pair.Key] == pair.ModifyIndex {
		return nil
	}
	r, err := floorRegistration(pair, "")
	if err != nil {
		return err
	}
	r.ID = strings.Replace(r.ID, floorName, carefulName, 1)
	r.Checks[0].CheckID = "service:" + r.ID
	r.Checks[0].TCP, r.Checks[0].Interval = fmt.Sprintf("%s:%d", c.address, r.Port), c.interval
	_, have, err := c.client.Agent().AgentHealthServiceByIDOpts(r.ID, (&api.QueryOptions{}).WithContext(ctx))
	if err != nil {
		return err
	}
	if have == nil || have.Service == nil || !slices.Equal(have.Service.Tags, r.Tags) {
		if err := c.client.Agent().ServiceRegisterOpts(r, api.ServiceRegisterOpts{}.WithContext(ctx)); err != nil {
			return err
		}
	}
	c.seen[pair.Key] = pair.ModifyIndex
	return nil
}
