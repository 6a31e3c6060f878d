package consulproc

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/consul/api"
)

const (
	readyTimeout = time.Minute           // far beyond any start that will still succeed
	readyAttempt = 5 * time.Second       // one look; a hung server answers none
	readyPause   = 20 * time.Millisecond // between two looks
	readyLogs    = 20                    // lines that tell why it did not get ready
)

// WaitReady returns when the process answers, knows a leader that serves consistent reads,
// and is in the catalog with a passing serfHealth check. It gives up when the process
// ends, when ctx is done, or after a minute.
//
// The agent still syncs with the whole catalog at a random time in the next three seconds.
// That may repair what a test breaks, or bring back a node that has just left.
func (p *Process) WaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	client, err := p.Client(p.management)
	if err != nil {
		return err
	}
	c := p.current()
	for {
		err := ready(ctx, client, p.name)
		if err == nil {
			return nil
		}
		if !c.Running() {
			return p.notReady(errors.New("it does not run"))
		}
		select {
		case <-c.Gone():
		case <-ctx.Done():
			return p.notReady(errors.Join(ctx.Err(), err))
		case <-time.After(readyPause):
		}
	}
}

// ready looks once whether node is a member of a cluster that works.
func ready(ctx context.Context, client *api.Client, node string) error {
	ctx, cancel := context.WithTimeout(ctx, readyAttempt)
	defer cancel()
	leader, err := client.Status().LeaderWithQueryOptions((&api.QueryOptions{}).WithContext(ctx))
	if err != nil {
		return fmt.Errorf("ask for leader: %w", err)
	}
	if leader == "" {
		return errors.New("no leader")
	}
	checks, _, err := client.Health().Node(node, (&api.QueryOptions{RequireConsistent: true}).WithContext(ctx))
	if err != nil {
		return fmt.Errorf("read health: %w", err)
	}
	for _, check := range checks {
		if check.CheckID == "serfHealth" && check.Status == api.HealthPassing {
			return nil
		}
	}
	return errors.New("not in the catalog")
}

// notReady returns err with the end of the log.
func (p *Process) notReady(err error) error {
	return fmt.Errorf("wait for %s: %w\n%s", p.name, err, p.Logs(readyLogs))
}
