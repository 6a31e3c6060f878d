package rig

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/consul/api"
)

const (
	// observePause is how long a look at the catalog waits for a change: every change
	// is seen at once, and the state at least this often.
	observePause = 50 * time.Millisecond
	// checkPause is the time between two looks at the checks.
	checkPause = 200 * time.Millisecond
	// observeTimeout is when a server that does not answer is given up for the next.
	observeTimeout = time.Second
)

// A lookout asks one server after the other. It is used by one goroutine.
type lookout struct {
	servers []*api.Client
	node    string
	turn    int    // which server answers
	index   uint64 // of the last answer
	checked time.Time
	status  map[string]string
	serf    string
}

var errBehind = errors.New("the server lags behind, and no leader can tell")

// run looks until the context ends.
func (o *Observer) run(ctx context.Context) {
	l := &lookout{servers: o.servers, node: o.node}
	for ctx.Err() == nil {
		seen, err := l.look(ctx)
		if ctx.Err() != nil {
			return
		}
		o.look(seen)
		if err != nil {
			Sleep(ctx, observePause)
		}
	}
}

// look returns what the catalog holds as soon as it changes, or after a moment. If the
// server whose turn it is does not tell, the others are asked.
func (l *lookout) look(ctx context.Context) (sight, error) {
	var errs []error
	for range l.servers {
		seen, err := l.ask(ctx, l.servers[l.turn])
		if err == nil {
			return seen, nil
		}
		errs = append(errs, err)
		l.turn = (l.turn + 1) % len(l.servers)
	}
	return sight{}, errors.Join(errs...)
}

func (l *lookout) ask(ctx context.Context, server *api.Client) (sight, error) {
	ctx, cancel := context.WithTimeout(ctx, observeTimeout)
	defer cancel()
	stale := &api.QueryOptions{AllowStale: true, WaitIndex: l.index, WaitTime: observePause}
	list, meta, err := server.Catalog().NodeServiceList(l.node, stale.WithContext(ctx))
	if err == nil && meta.LastIndex < l.index {
		// A follower that lags, or servers that went back in time: only a leader knows.
		list, meta, err = server.Catalog().NodeServiceList(l.node, (&api.QueryOptions{RequireConsistent: true}).WithContext(ctx))
		if err != nil {
			err = fmt.Errorf("%w: %w", errBehind, err)
		}
	}
	if err != nil {
		return sight{}, err
	}
	l.index = meta.LastIndex
	seen := sight{known: true, services: map[string]*api.AgentService{}}
	if list != nil {
		for _, s := range list.Services {
			seen.services[s.ID] = s
		}
	}
	if time.Since(l.checked) >= checkPause {
		if err := l.check(ctx, server); err != nil {
			return sight{}, err
		}
	}
	seen.status, seen.serf = l.status, l.serf
	return seen, nil
}

// check reads the checks of the node.
func (l *lookout) check(ctx context.Context, server *api.Client) error {
	checks, _, err := server.Health().Node(l.node, (&api.QueryOptions{AllowStale: true}).WithContext(ctx))
	if err != nil {
		return err
	}
	l.checked, l.serf = time.Now(), absentSerf
	all := map[string]api.HealthChecks{}
	for _, c := range checks {
		if c.CheckID == "serfHealth" {
			l.serf = c.Status
		}
		if c.ServiceID != "" {
			all[c.ServiceID] = append(all[c.ServiceID], c)
		}
	}
	l.status = map[string]string{}
	for id, checks := range all {
		l.status[id] = checks.AggregatedStatus()
	}
	return nil
}
