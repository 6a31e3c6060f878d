package consultest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// answer is what a request gets: a response, or a broken connection.
type answer struct {
	status int
	header http.Header
	value  any // becomes the body, in JSON, once it is clear that this is the answer
	body   []byte
	index  uint64 // X-Consul-Index, for the blocking query that waits for it to rise
	err    error  // the connection breaks with this
}

// broken is a connection that ends without a response.
func broken(err error) answer { return answer{err: err} }

// plain is a response in plain text, as all of Consul's errors are.
func plain(status int, format string, args ...any) answer {
	return answer{
		status: status,
		header: http.Header{"Content-Type": {"text/plain; charset=utf-8"}},
		body:   fmt.Appendf(nil, format, args...),
	}
}

// ok is 200 with v as JSON; nil means an empty body.
func ok(v any) answer { return reply(http.StatusOK, v) }

func reply(status int, v any) answer {
	return answer{status: status, header: http.Header{}, value: v}
}

// withCharset names the character set of JSON too, as a transaction that fails does.
func (a answer) withCharset() answer {
	a.header.Set("Content-Type", "application/json; charset=utf-8")
	return a
}

// encoded is the answer with its body made.
func (a answer) encoded() answer {
	if a.value == nil {
		return a
	}
	body, err := json.Marshal(a.value)
	if err != nil {
		panic(err) // our own structs
	}
	if a.header.Get("Content-Type") == "" {
		a.header.Set("Content-Type", "application/json")
	}
	a.body = body
	return a
}

// route says who answers what. A path that ends in a slash covers everything below it.
type route struct {
	method string
	path   string
	answer func(*query) answer
	remote bool // by the servers, not by the agent
}

func (c *Consul) routes() []route {
	const get, put, del = http.MethodGet, http.MethodPut, http.MethodDelete
	return []route{
		{get, "/v1/kv/", c.getKV, true},
		{put, "/v1/kv/", c.putKV, true},
		{del, "/v1/kv/", c.deleteKV, true},
		{put, "/v1/txn", c.txn, true},
		{get, "/v1/agent/self", c.agentSelf, false},
		{get, "/v1/agent/services", c.agentServices, false},
		{get, "/v1/agent/checks", c.agentChecks, false},
		{put, "/v1/agent/service/register", c.registerService, false},
		{put, "/v1/agent/service/deregister/", c.deregisterService, false},
		{put, "/v1/agent/service/maintenance/", c.maintainService, false},
		{put, "/v1/agent/check/deregister/", c.deregisterCheck, false},
		{get, "/v1/agent/service/", c.agentService, false},
		{get, "/v1/agent/health/service/id/", c.agentServiceHealth, false},
		{get, "/v1/acl/token/self", c.tokenSelf, true},
		{get, statusLeader, c.statusLeader, true},
		{get, "/v1/catalog/node-services/", c.nodeServices, true},
		{get, "/v1/health/node/", c.nodeHealth, true},
		{get, "/v1/health/service/", c.serviceHealth, true},
	}
}

// serve answers one request: recorded, refused while the agent is down, disturbed by a fault if the test
// wants one.
func (c *Consul) serve(r *http.Request, operator bool) answer {
	body, err := readBody(r)
	if err != nil {
		return broken(err)
	}
	r.Body = io.NopCloser(bytes.NewReader(body)) // a fault may want to look at it
	if err := r.Context().Err(); err != nil {
		return broken(context.Cause(r.Context()))
	}
	if !operator {
		c.record(r)
	}
	boot, up := c.boot()
	if !up {
		return broken(errRefused())
	}
	q := &query{request: r, form: r.URL.Query(), body: body, boot: boot, operator: operator}
	if operator {
		return c.dispatch(q)
	}
	return c.disturb(q)
}

func readBody(r *http.Request) ([]byte, error) {
	if r.Body == nil {
		return nil, nil
	}
	defer r.Body.Close()
	return io.ReadAll(r.Body)
}

// dispatch finds the endpoint and lets it answer.
func (c *Consul) dispatch(q *query) answer {
	known := false
	for _, route := range c.routes() {
		name, found := match(route.path, q.request.URL.Path)
		if !found {
			continue
		}
		known = true
		if route.method == q.request.Method {
			q.name = name
			return c.withPolicy(c.call(route, q).encoded())
		}
		if route.path == q.request.URL.Path && !strings.HasSuffix(route.path, "/") {
			break // it is a path of its own, and no name below another
		}
	}
	if known {
		return c.withPolicy(plain(http.StatusMethodNotAllowed, "method %s not allowed", q.request.Method))
	}
	return plain(http.StatusNotFound, "Invalid URL path: not a recognized HTTP API endpoint\n")
}

func match(pattern, path string) (rest string, found bool) {
	if strings.HasSuffix(pattern, "/") {
		return strings.CutPrefix(path, pattern)
	}
	return "", path == pattern
}

// call reads the options and the token of a request before the endpoint sees it.
func (c *Consul) call(route route, q *query) answer {
	if bad := q.parse(); bad != "" {
		return plain(http.StatusBadRequest, "%s", bad)
	}
	q.remote = route.remote
	var known bool
	if q.authz, known = c.resolve(q); !known && route.path != statusLeader {
		return q.fails(http.StatusForbidden, "ACL not found")
	}
	return route.answer(q)
}

// withPolicy adds the header every endpoint sends, errors included.
func (c *Consul) withPolicy(a answer) answer {
	if a.err == nil {
		c.mu.Lock()
		defer c.mu.Unlock()
		a.header.Set("X-Consul-Default-Acl-Policy", c.acl.defaultPolicy())
	}
	return a
}
