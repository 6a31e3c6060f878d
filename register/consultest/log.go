package consultest

import (
	"net/http"
	"net/url"
	"slices"
	"time"
)

// Request is one request as the client sent it, whatever became of it.
type Request struct {
	Method string
	Path   string
	Query  url.Values
	Token  string // from the header
	At     time.Time
}

// String returns the request line, e.g. "PUT /v1/agent/service/register?replace-existing-checks=true".
func (r Request) String() string {
	s := r.Method + " " + r.Path
	if len(r.Query) > 0 {
		s += "?" + r.Query.Encode()
	}
	return s
}

// Requests returns what clients have asked so far, oldest first, including what a fault kept from having an
// effect. The test's own doing, by methods of [Consul] or through [Consul.Operator], is not in it.
func (c *Consul) Requests() []Request {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.requests)
}

// Writes returns the requests that change something, or try to: all but GET.
func (c *Consul) Writes() []Request {
	return slices.DeleteFunc(c.Requests(), func(r Request) bool { return r.Method == http.MethodGet })
}

// Forget drops what is returned by Requests and Writes.
func (c *Consul) Forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.requests = nil
}

func (c *Consul) record(r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.requests = append(c.requests, Request{
		Method: r.Method,
		Path:   r.URL.Path,
		Query:  r.URL.Query(),
		Token:  r.Header.Get(tokenHeader),
		At:     time.Now(),
	})
}
