package rig

import (
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"time"
)

// A Fault is what a [Proxy] does to HTTP requests and answers. The zero value lets all
// pass.
type Fault struct {
	Kind  FaultKind
	Delay time.Duration // of FaultDelay
	Code  int           // of FaultStatus
	// Match chooses the requests that suffer; nil is all.
	Match func(*http.Request) bool
}

// FaultKind is a kind of fault.
type FaultKind int

// What can be done to a request or its answer.
const (
	FaultNone   FaultKind = iota
	FaultDelay            // answer late
	FaultStatus           // answer with a status and never ask the agent
	FaultCut              // end the connection in the middle of the body
	FaultGarble           // answer with a body that is no JSON
	FaultEmpty            // answer 200 with no body and no index
	FaultHang             // answer nothing until the client gives up or the fault ends
)

// OnPath matches requests whose path begins with one of these.
func OnPath(prefixes ...string) func(*http.Request) bool {
	return func(r *http.Request) bool {
		for _, prefix := range prefixes {
			if strings.HasPrefix(r.URL.Path, prefix) {
				return true
			}
		}
		return false
	}
}

// A Proxy stands between a registrar and its local Consul agent. It passes everything on
// until told otherwise: [Proxy.Set] spoils HTTP, [Proxy.SetWire] the connections below.
type Proxy struct {
	*wire
	server *http.Server

	mu      sync.Mutex
	fault   Fault
	changed chan struct{} // closed when the fault changes
	count   int           // requests that suffered the fault
	writes  int           // requests that change something
}

// NewProxy starts a proxy before the agent at host:port.
func NewProxy(target string) (*Proxy, error) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("start proxy: %w", err)
	}
	outer, err := newWire(inner.Addr().String())
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start proxy: %w", err), inner.Close())
	}
	p := &Proxy{wire: outer, changed: make(chan struct{})}
	reverse := &httputil.ReverseProxy{
		Rewrite:        func(r *httputil.ProxyRequest) { r.SetURL(&url.URL{Scheme: "http", Host: target}) },
		FlushInterval:  -1,
		Transport:      &http.Transport{MaxIdleConnsPerHost: 64, DisableCompression: true},
		ModifyResponse: p.spoil,
		ErrorLog:       log.New(io.Discard, "", 0),
		// An agent that is away looks like one: no status stands in for it.
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
	}
	p.server = &http.Server{Handler: p.before(reverse), ReadHeaderTimeout: time.Minute}
	go func() { _ = p.server.Serve(inner) }() // it ends with Close
	return p, nil
}

// Set changes what happens to requests from now on, and to the answers of those that
// are under way.
func (p *Proxy) Set(fault Fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fault, p.count = fault, 0
	close(p.changed)
	p.changed = make(chan struct{})
}

// Suffered returns how many requests met the fault that is set now.
func (p *Proxy) Suffered() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.count
}

// Writes returns how many requests came so far that would change something.
func (p *Proxy) Writes() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.writes
}

func (p *Proxy) note(r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if r.Method != http.MethodGet {
		p.writes++
	}
}

// Close ends the proxy and cuts its connections.
func (p *Proxy) Close() error {
	p.Set(Fault{})
	return errors.Join(p.server.Close(), p.close())
}

// hit returns the fault that a request meets.
func (p *Proxy) hit(r *http.Request, kinds ...FaultKind) (Fault, <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, kind := range kinds {
		if p.fault.Kind == kind && (p.fault.Match == nil || p.fault.Match(r)) {
			p.count++
			return p.fault, p.changed
		}
	}
	return Fault{}, p.changed
}
