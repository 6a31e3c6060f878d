package consultest

import (
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"time"
)

// Fault is what befalls one request. The zero value does nothing.
type Fault struct {
	// Delay passes first. A cancelled request does not wait for the end of it.
	Delay time.Duration

	// Err breaks the connection, as io.EOF does when the agent dies.
	Err error

	// Status and Body are the response instead of Consul's own. It has none of Consul's headers: a proxy or a
	// full connection table (429) knows nothing of indexes.
	Status int
	Body   string

	// Header overrides headers of the response, whoever gave it; an empty value removes one. This is how to get a
	// response that lacks X-Consul-Index, or one from a server that knows no leader.
	Header map[string]string

	// After lets the request take effect before any of the above: the answer is late or lost, the work done.
	After bool

	// NoCatalog lets the agent accept a change that the servers then refuse, which Consul only logs: 200,
	// known to the agent, not in the catalog. The agent takes the object for synced; an identical register does
	// not repair it, a changed one or [Consul.FullSync] does.
	NoCatalog bool
}

// Fault makes choose decide about every request of a client: nil lets it pass. choose is called from the
// goroutine of the request, without any lock. A nil choose ends all faults.
//
//	c.Fault(consultest.Times(2, consultest.On("PUT", "/v1/agent/service/", consultest.Fault{Err: io.EOF})))
func (c *Consul) Fault(choose func(*http.Request) *Fault) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fault = choose
}

// On is the same fault for every request with this method ("" is any) and a path that starts so.
func On(method, path string, fault Fault) func(*http.Request) *Fault {
	return func(r *http.Request) *Fault {
		if (method != "" && method != r.Method) || !strings.HasPrefix(r.URL.Path, path) {
			return nil
		}
		return &fault
	}
}

// Times ends a fault after it has struck n times.
func Times(n int, choose func(*http.Request) *Fault) func(*http.Request) *Fault {
	var struck atomic.Int64
	return func(r *http.Request) *Fault {
		fault := choose(r)
		if fault == nil || struck.Add(1) > int64(n) {
			return nil
		}
		return fault
	}
}

// FirstOf is an ordered list of faults: the first that wants the request has it.
func FirstOf(rules ...func(*http.Request) *Fault) func(*http.Request) *Fault {
	return func(r *http.Request) *Fault {
		for _, choose := range rules {
			if fault := choose(r); fault != nil {
				return fault
			}
		}
		return nil
	}
}

// disturb answers a request under the fault chosen for it.
func (c *Consul) disturb(q *query) answer {
	fault := c.chosen(q.request)
	q.uncataloged = fault.NoCatalog
	var done answer
	if fault.After {
		done = c.dispatch(q)
	}
	if err := c.pause(q, fault.Delay); err != nil {
		return broken(err)
	}
	switch {
	case fault.Err != nil:
		return broken(fault.Err)
	case fault.Status != 0:
		done = plain(fault.Status, "%s", fault.Body)
	case !fault.After:
		done = c.dispatch(q)
	}
	for name, value := range fault.Header {
		override(done.header, name, value)
	}
	return done
}

func override(header http.Header, name, value string) {
	if value == "" {
		header.Del(name)
	} else if header != nil {
		header.Set(name, value)
	}
}

func (c *Consul) chosen(r *http.Request) Fault {
	c.mu.Lock()
	choose := c.fault
	c.mu.Unlock()
	if choose != nil {
		if fault := choose(r); fault != nil {
			return *fault
		}
	}
	return Fault{}
}

// pause lets d pass for one request.
func (c *Consul) pause(q *query, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	err := c.until(q.request.Context(), q.boot, d, func() bool { return false })
	if errors.Is(err, errTimeout) {
		return nil
	}
	return err
}
