package consultest

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// query is one request as the endpoints see it.
type query struct {
	request  *http.Request
	name     string // what follows the route: a key, an ID, a node name
	form     url.Values
	body     []byte
	boot     int // the boot of the agent it came in
	operator bool
	authz    authorizer
	remote   bool // the servers answer it

	index      uint64
	wait       time.Duration
	stale      bool
	consistent bool

	uncataloged bool // a fault keeps the servers from hearing of it
}

const (
	defaultWait = 5 * time.Minute
	longestWait = 10 * time.Minute

	// jitterPart of the wait is the most that Consul adds to it at random.
	jitterPart = 16

	// leaderHold is how long a request that needs the leader is held before it fails with "No cluster leader".
	// Real clusters took 8 to 17 s.
	leaderHold = 10 * time.Second
)

const tokenHeader = "X-Consul-Token"

// token is where Consul looks for one: ?token=, its own header, then a bearer.
func (q *query) token() string {
	if token := q.form.Get("token"); token != "" {
		return token
	}
	if token := q.request.Header.Get(tokenHeader); token != "" {
		return token
	}
	bearer, _ := strings.CutPrefix(q.request.Header.Get("Authorization"), "Bearer ")
	return bearer
}

// parse reads the options every query may carry. It returns Consul's words for what is wrong with them.
func (q *query) parse() (bad string) {
	var err error
	if s := q.form.Get("wait"); s != "" {
		if q.wait, err = time.ParseDuration(s); err != nil {
			return "Invalid wait time"
		}
	}
	if s := q.form.Get("index"); s != "" {
		if q.index, err = strconv.ParseUint(s, 10, 64); err != nil {
			return "Invalid index"
		}
	}
	// max_stale has no effect on KV beyond that of stale.
	q.stale = q.form.Has("stale") || q.form.Get("max_stale") != ""
	q.consistent = q.form.Has("consistent")
	if q.stale && q.consistent {
		return "Cannot specify ?stale with ?consistent, conflicting semantics."
	}
	return ""
}

// timeout is how long the query may block: 5 minutes unless asked, 10 at most, plus jitter.
func (q *query) timeout(late bool) time.Duration {
	wait := min(q.wait, longestWait)
	if wait <= 0 {
		wait = defaultWait
	}
	if late {
		wait += wait / jitterPart
	}
	return wait
}

// block answers a query that may wait: at once without an index, else when the answer's index exceeds it or
// the time is up; then the full body is sent again with the index it has. eval is called under mu.
//
// When a snapshot is restored meanwhile, the query returns at once what it had last seen of the store that is
// no more: the old data, and the very index that was asked for.
func (c *Consul) block(q *query, eval func(*store) answer) answer {
	if failure, ok := c.awaitLeader(q); !ok {
		return failure
	}
	var (
		last    answer
		seen    *store
		floor   = q.index
		missing bool
	)
	err := c.until(q.request.Context(), q.boot, q.timeout(c.isLate()), func() bool {
		if seen != nil && seen != c.store {
			return true
		}
		seen, last = c.store, eval(c.store)
		if last.status == http.StatusNotFound && single(q) {
			// A key that is still missing has not changed, although its index is the table's and rises.
			if missing {
				floor = last.index
			}
			missing = true
		}
		return q.index == 0 || last.index == 0 || last.index > floor
	})
	if err != nil && !errors.Is(err, errTimeout) {
		return broken(err)
	}
	return last
}

// single says whether q asks for one key rather than for a prefix.
func single(q *query) bool { return !q.form.Has("recurse") && !q.form.Has("keys") }

func (c *Consul) isLate() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.late
}

// MaxJitter makes blocking queries time out as late as Consul allows, after wait + wait/16, instead of
// exactly after wait. Consul itself draws the jitter at random.
func (c *Consul) MaxJitter(on bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.late = on
}

// awaitLeader holds a query that may not be answered by any server until there is a leader, and fails it if
// there is none in time. A stale query passes.
func (c *Consul) awaitLeader(q *query) (failure answer, ok bool) {
	if q.stale {
		return answer{}, true
	}
	err := c.until(q.request.Context(), q.boot, leaderHold, func() bool { return c.leader != "" })
	switch {
	case err == nil:
		return answer{}, true
	case errors.Is(err, errTimeout):
		return q.fails(http.StatusInternalServerError, "No cluster leader"), false
	default:
		return broken(err), false
	}
}

// fails is an error of Consul's. The agent passes on the errors of the servers with a word of its own.
func (q *query) fails(status int, text string) answer {
	if q.remote {
		text = "rpc error making call: " + text
	}
	return plain(status, "%s", text)
}

// denied is 403, word for word.
func (q *query) denied(permission, name string) answer {
	return q.fails(http.StatusForbidden, q.deniedText(permission, name))
}

func (q *query) deniedText(permission, name string) string {
	if q.authz.anonymous {
		return fmt.Sprintf("Permission denied: anonymous token lacks permission '%s' on %q. "+
			"The anonymous token is used implicitly when a request does not specify a token.", permission, name)
	}
	return fmt.Sprintf("Permission denied: token with AccessorID '%s' lacks permission '%s' on %q", q.authz.accessor, permission, name)
}

// foundLocked is the answer to a query: v, and the headers that say how good it is.
func (c *Consul) foundLocked(q *query, status int, v any, index uint64, filtered bool) answer {
	a := reply(status, v)
	a.index = max(index, 1) // an index of 0 would never block
	a.header.Set("X-Consul-Index", strconv.FormatUint(a.index, 10))
	a.header.Set("X-Consul-Query-Backend", "blocking-query")
	a.header.Set("X-Consul-Knownleader", strconv.FormatBool(c.leader != ""))
	a.header.Set("X-Consul-Lastcontact", strconv.FormatInt(c.lastContactLocked().Milliseconds(), 10))
	setFiltered(a, q, filtered)
	return a
}

func (c *Consul) lastContactLocked() time.Duration {
	if c.leader != "" {
		return 0
	}
	return time.Since(c.lost)
}

// setFiltered admits that the ACLs hid something. Consul admits it only to those who show a token: without
// one, a filtered answer looks exactly like an empty one.
func setFiltered(a answer, q *query, filtered bool) {
	if filtered && !q.authz.anonymous {
		a.header.Set("X-Consul-Results-Filtered-By-Acls", "true")
	}
}
