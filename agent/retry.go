package agent

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/hashicorp/consul/api"
)

// failure is a kind of error, by what it says about trying again.
type failure int

const (
	// unreachable: the local agent does not answer. Trying costs nobody anything,
	// and services wait for the moment it is back.
	unreachable failure = iota
	// overloaded: 429 and 503. Connections are shared with everything on the node.
	overloaded
	// denied: 403. It takes a human, or a token that has to spread.
	denied
	// failed: any other answer; as a rule the servers have no leader.
	failed
)

// String is the name of the failure as a metric's label.
func (f failure) String() string {
	return [...]string{"unreachable", "overloaded", "denied", "failed"}[f]
}

func classify(err error) failure {
	switch {
	case errors.Is(err, errFiltered), errors.Is(err, errForbidden):
		return denied
	case errors.Is(err, errNotKV), errors.Is(err, errNoLeader), errors.Is(err, errDeferred):
		return failed
	}
	switch statusCode(err) {
	case 0:
		return unreachable
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		return overloaded
	case http.StatusForbidden:
		return denied
	default:
		return failed
	}
}

// statusCode returns the HTTP status that Consul answered with, 0 if it did not.
func statusCode(err error) int {
	if status, ok := errors.AsType[api.StatusError](err); ok {
		return status.Code
	}
	return 0
}

// retry says how long to wait before the next try. It never gives up. The wait
// doubles, with jitter, so that a fleet does not come back all at once.
type retry struct{ waits *backoff.ExponentialBackOff }

func newRetry() retry {
	waits := backoff.NewExponentialBackOff()
	waits.InitialInterval = 250 * time.Millisecond
	waits.Multiplier = 2
	waits.MaxInterval = 30 * time.Second
	return retry{waits}
}

// after returns the wait after an error; bounds differ by what failed.
func (r retry) after(err error) time.Duration {
	next := r.waits.NextBackOff()
	switch classify(err) {
	case unreachable:
		return min(next, time.Second/2+rand.N(time.Second/2))
	case overloaded:
		return max(next, 5*time.Second)
	case denied:
		return next
	default:
		return min(next, 10*time.Second)
	}
}

func (r retry) reset() { r.waits.Reset() }

// sleep waits, or less if the context ends.
func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
