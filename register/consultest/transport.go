package consultest

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"syscall"

	"github.com/hashicorp/consul/api"
)

// anonymous is the token our clients are built with. api.NewClient replaces an empty token by one from the
// environment; this one survives and is taken off again before a request arrives.
const anonymous = "consultest-anonymous"

// Client returns the real Consul client, without a token, connected to c. It does not depend on the CONSUL_*
// variables of the environment.
func (c *Consul) Client() *api.Client { return newClient(transport{consul: c}, anonymous) }

// ClientWithToken is [Consul.Client] with a token that goes with every request.
func (c *Consul) ClientWithToken(token string) *api.Client {
	return newClient(transport{consul: c}, token)
}

// Operator returns a client for the test itself, to do what an operator does behind the registrar's back:
// register a foreign service, remove one of ours, switch on maintenance. ACLs and faults do not apply to it
// and its requests are not recorded.
func (c *Consul) Operator() *api.Client {
	return newClient(transport{consul: c, operator: true}, anonymous)
}

// Transport returns the in-process transport, for code that builds its own client.
func (c *Consul) Transport() http.RoundTripper { return transport{consul: c} }

func newClient(t transport, token string) *api.Client {
	client, err := api.NewClient(&api.Config{
		Address:    "127.0.0.1:8500",
		Scheme:     "http",
		Token:      token,
		HttpClient: &http.Client{Transport: t},
	})
	if err != nil {
		panic(err) // only a token file or an address can fail, and there is neither
	}
	return client
}

// transport answers requests by calling Consul in the caller's goroutine.
type transport struct {
	consul   *Consul
	operator bool
}

// RoundTrip implements [http.RoundTripper].
func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	if r.Header.Get(tokenHeader) == anonymous {
		r.Header.Del(tokenHeader)
	}
	a := t.consul.serve(r, t.operator)
	if a.err != nil {
		return nil, a.err
	}
	return &http.Response{
		Status:        fmt.Sprintf("%d %s", a.status, http.StatusText(a.status)),
		StatusCode:    a.status,
		Proto:         "HTTP/1.1",
		ProtoMajor:    1,
		ProtoMinor:    1,
		Header:        a.header,
		Body:          io.NopCloser(bytes.NewReader(a.body)),
		ContentLength: int64(len(a.body)),
		Request:       r,
	}, nil
}

// ServeHTTP implements [http.Handler], for a program under test that runs in a process of its own: serve c on
// loopback and point CONSUL_HTTP_ADDR at it. A refused connection cannot be had this way: it breaks like any
// other.
func (c *Consul) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a := c.serve(r, false)
	if a.err != nil {
		panic(http.ErrAbortHandler)
	}
	maps.Copy(w.Header(), a.header)
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body) // the client may have left
}

// errRefused is what dialling says while nobody listens.
func errRefused() error {
	return &net.OpError{
		Op:   "dial",
		Net:  "tcp",
		Addr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 8500},
		Err:  os.NewSyscallError("connect", syscall.ECONNREFUSED),
	}
}
