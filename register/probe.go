package register

import (
	"context"
	"sync"
	"time"

	"github.com/hashicorp/consul/api"
)

// probeTimeout bounds the dial before a first registration. A live NodePort
// answers at once; one whose packets are dropped should not hold up the others.
const probeTimeout = time.Second

// probe dials the ports of services whose check is about to be registered for the
// first time and returns the status of each by its ID. Services whose check has a
// given initial status, or is registered already, are not dialled: Consul keeps the
// live status of a check that it knows. A check that somebody removed is not known
// any more, and would begin as critical.
func (l *Local) probe(ctx context.Context, outcomes []*Outcome) map[ID]string {
	var mu sync.Mutex
	var dials sync.WaitGroup
	statuses := map[ID]string{}
	for _, o := range outcomes {
		check := o.Step.Want.Check
		if check == nil || check.Status != "" || o.Step.Wait != "" {
			continue
		}
		if _, known := o.Step.Have.Checks[check.CheckID]; known {
			continue
		}
		dials.Go(func() {
			status := l.dial(ctx, check.TCP)
			mu.Lock()
			defer mu.Unlock()
			statuses[o.Step.ID] = status
		})
	}
	dials.Wait()
	return statuses
}

// dial connects once, as Consul's TCP check does.
func (l *Local) dial(ctx context.Context, target string) string {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	conn, err := l.Dial(ctx, "tcp", target)
	if err != nil {
		return api.HealthCritical
	}
	_ = conn.Close() // nothing was sent
	return api.HealthPassing
}
