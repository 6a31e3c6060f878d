package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/k8s-registrar/k8s-registrar/e2e/measure"
)

// perTransport is how many nodes share a transport, and so its connections: HTTP/2 puts
// 250 requests into one.
const perTransport = 20

// servers is the way of all nodes to Consul's servers, and counts what goes there.
type servers struct {
	addresses  []string // host:port of HTTPS
	transports []*http.Transport
	received   atomic.Int64
	rates      rates
}

// sticky remembers which server a node talks to, as Consul's agents do: the next one only
// when this one fails.
type sticky struct {
	transport *http.Transport
	mu        sync.Mutex
	at        int
}

func newServers(addresses []string, nodes int) *servers {
	s := &servers{addresses: addresses}
	for range (nodes + perTransport - 1) / perTransport {
		transport := measure.HTTPSTransport(&net.Dialer{Timeout: 2 * time.Second})
		dial := transport.DialContext
		transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := dial(ctx, network, address)
			if err != nil {
				return nil, err
			}
			return countedConn{conn, &s.received}, nil
		}
		s.transports = append(s.transports, transport)
	}
	return s
}

func (s *servers) transport(node int) *http.Transport { return s.transports[node/perTransport] }

// forward passes a request on. An agent whose server is away answers 500 itself; that it
// was there to say so is what the product has to see.
func (s *servers) forward(to *sticky, r *http.Request) (*http.Response, error) {
	s.rates.note(class(r))
	r = r.Clone(r.Context())
	to.mu.Lock()
	at := to.at
	to.mu.Unlock()
	r.URL.Scheme, r.URL.Host, r.Host = "https", s.addresses[at], ""
	answer, err := to.transport.RoundTrip(r)
	if err == nil {
		return answer, nil
	}
	if r.Context().Err() != nil {
		return nil, err
	}
	to.mu.Lock()
	if to.at == at {
		to.at = (at + 1) % len(s.addresses)
	}
	to.mu.Unlock()
	return response(r, http.StatusInternalServerError, "rpc error: "+err.Error()), nil
}

// put writes something.
func (s *servers) put(ctx context.Context, to *sticky, path string, what any) error {
	text, err := json.Marshal(what)
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPut, "https://server"+path, bytes.NewReader(text))
	if err != nil {
		return err
	}
	answer, err := s.forward(to, r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", answer.Status, bytes.TrimSpace(body))
	}
	return err
}

// class says what kind of request one is.
func class(r *http.Request) string {
	query := r.URL.Query()
	waits := query.Get("index") != "" && query.Get("index") != "0"
	switch {
	case r.Method == http.MethodPut:
		return "writes"
	case strings.HasPrefix(r.URL.Path, "/v1/kv/") && query.Has("keys"):
		return "doorbells of the tree"
	case strings.HasPrefix(r.URL.Path, "/v1/kv/"):
		return "reads of the tree"
	case waits:
		return "doorbells of the catalog"
	case strings.HasPrefix(r.URL.Path, "/v1/status/"):
		return "questions for the leader"
	default:
		return "reads of the catalog"
	}
}

// response returns an answer of a stand-in.
func response(r *http.Request, status int, body any) *http.Response {
	var text []byte
	switch body := body.(type) {
	case nil:
	case string:
		text = []byte(body)
	default:
		text, _ = json.Marshal(body) // it is texts and numbers
	}
	return &http.Response{
		Status: fmt.Sprintf("%d %s", status, http.StatusText(status)), StatusCode: status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header:        http.Header{"X-Consul-Default-Acl-Policy": {"allow"}},
		Body:          io.NopCloser(bytes.NewReader(text)),
		ContentLength: int64(len(text)), Request: r,
	}
}

// countedConn counts what is read.
type countedConn struct {
	net.Conn
	n *atomic.Int64
}

// Read reads, then counts.
func (c countedConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.n.Add(int64(n))
	return n, err
}
