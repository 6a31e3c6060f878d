package agent

import (
	"context"
	"fmt"
	"time"

	"github.com/hashicorp/consul/api"
	"golang.org/x/time/rate"
)

// drift rings when what Consul holds for this node changed, whoever changed it, and
// when the local agent was away. It never says what changed: the reconcile task
// looks for itself.
//
// Our own writes ring too. What that costs is one comparison a second later.
type drift struct {
	catalog *api.Catalog
	// node learns the node's name, which may be another after the agent's restart.
	node  func(context.Context) (string, error)
	wait  time.Duration
	pace  *rate.Limiter
	ring  news[struct{}]
	voice *voice
}

// driftPace is the least time between two rings.
const driftPace = time.Second

func (d *drift) run(ctx context.Context) error {
	waits := newRetry()
	for ctx.Err() == nil {
		err := d.follow(ctx, waits)
		if ctx.Err() != nil {
			return nil
		}
		d.ring.put(struct{}{})
		wait := waits.after(err)
		if classify(err) != unreachable { // that the agent is away, others say
			d.voice.failed(err, "retry", wait)
		}
		sleep(ctx, wait)
	}
	return nil
}

// follow waits for changes until something fails.
func (d *drift) follow(ctx context.Context, waits retry) error {
	node, err := d.node(ctx)
	if err != nil {
		return err
	}
	var index uint64
	for {
		next, err := d.ask(ctx, node, index)
		if err != nil {
			return fmt.Errorf("watch catalog of node %s: %w", node, err)
		}
		waits.reset()
		d.voice.recovered()
		if next != index {
			if err := d.pace.Wait(ctx); err != nil {
				return err
			}
			d.ring.put(struct{}{})
		}
		if next < index {
			next = 0 // the servers went back in time: start again
		}
		index = next
	}
}

// ask waits for the index of the node's services to move. The filter matches no
// service: it keeps the answer at 325 bytes, and the query still wakes on every
// change of any of them.
func (d *drift) ask(ctx context.Context, node string, index uint64) (uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, d.wait+d.wait/16+readTimeout)
	defer cancel()
	options := &api.QueryOptions{AllowStale: true, WaitIndex: index, WaitTime: d.wait, Filter: `ID == "-"`}
	_, meta, err := d.catalog.NodeServiceList(node, options.WithContext(ctx))
	if err != nil {
		return 0, err
	}
	return max(meta.LastIndex, 1), nil
}
