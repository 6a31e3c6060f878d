package agent

import (
	"context"
	"fmt"
	"time"

	"github.com/hashicorp/consul/api"
	"golang.org/x/time/rate"
)

const (
	// bellPace is the least time between two rings of a doorbell.
	bellPace = time.Second
	// servicesPace and checksPace are those of the doorbells of the node's own entry, on the
	// whole: for each ring the servers go through all of its services twice, or three times
	// through all of its checks, which ring for all that they find out. They may ring
	// ringsAtOnce times after a while without. So what is heard late is what others do while
	// the node's services change all the time.
	servicesPace = verifyPause
	checksPace   = 3 * verifyPause
	ringsAtOnce  = 6
)

// pace is all of the limits that a doorbell keeps.
type pace []*rate.Limiter

// newPace returns that of a doorbell which rings once in bellPace at most.
func newPace(more ...*rate.Limiter) pace {
	return append(pace{rate.NewLimiter(rate.Every(bellPace), 1)}, more...)
}

func (p pace) wait(ctx context.Context) error {
	for _, limit := range p {
		if err := limit.Wait(ctx); err != nil {
			return err
		}
	}
	return nil
}

// drift rings when what Consul's servers hold for this node changed, whoever changed
// it, and when the local agent was away. It never says what changed: the reconcile
// task looks for itself.
//
// Our own writes ring too, see echo.go.
type drift struct {
	// ask waits for the index of what is followed to move.
	ask func(node string, options *api.QueryOptions) (uint64, error)
	// shared tells that the index is that of all nodes, see ear.
	shared bool
	// node learns the node's name, which may be another after the agent's restart.
	node func(context.Context) (string, error)
	wait time.Duration
	pace pace
	// ring hears that something changed, and at which index; 0 where that does not tell.
	ring    func(index uint64)
	back    news[struct{}] // the agent was away
	rewound news[struct{}] // the servers went back in time; it is told before the ring
	voice   *voice
}

func (d *drift) run(ctx context.Context) error {
	waits := newRetry()
	for ctx.Err() == nil {
		err := d.follow(ctx, waits)
		if ctx.Err() != nil {
			return nil
		}
		d.back.put(struct{}{})
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
	e := ear{shared: d.shared}
	for {
		start, begins := time.Now(), e.index == 0
		next, err := d.listen(ctx, node, e.index)
		if err != nil {
			return fmt.Errorf("watch node %s: %w", node, err)
		}
		waits.reset()
		d.voice.recovered()
		if before := e.index; e.hear(next, time.Since(start) < d.wait) {
			if e.back {
				d.rewound.put(struct{}{})
			}
			d.ring(rise(before, next))
		}
		// Also when nothing changed: a server that stops lets go of every query at
		// once, and would be asked again at once. What only tells where to begin is
		// followed at once, or a shared index would have moved on.
		if !begins {
			if err := d.pace.wait(ctx); err != nil {
				return err
			}
		}
	}
}

// rise returns the index after a change, if that is all that the answer tells of: not that
// somebody begins to listen, nor that the servers went back.
func rise(before, next uint64) uint64 {
	if before == 0 || next <= before {
		return 0
	}
	return next
}

func (d *drift) listen(ctx context.Context, node string, index uint64) (uint64, error) {
	options := &api.QueryOptions{AllowStale: true, WaitIndex: index, WaitTime: d.wait}
	ctx, cancel := inTime(ctx, options)
	defer cancel()
	next, err := d.ask(node, options.WithContext(ctx))
	return max(next, 1), err
}

// askServices follows the definitions of the node's services. The filter matches
// none: it keeps the answer at 325 bytes, and the query still wakes on every change
// of any of them.
func askServices(client *api.Client) func(string, *api.QueryOptions) (uint64, error) {
	return func(node string, options *api.QueryOptions) (uint64, error) {
		options.Filter = `ID == "-"`
		_, meta, err := client.Catalog().NodeServiceList(node, options)
		if err != nil {
			return 0, err
		}
		return meta.LastIndex, nil
	}
}

// askChecks follows the node's checks, which come and go, and change their status,
// without their services' definitions changing.
func askChecks(client *api.Client) func(string, *api.QueryOptions) (uint64, error) {
	return func(node string, options *api.QueryOptions) (uint64, error) {
		options.Filter = `CheckID == "-"`
		_, meta, err := client.Health().Node(node, options)
		if err != nil {
			return 0, err
		}
		return meta.LastIndex, nil
	}
}
