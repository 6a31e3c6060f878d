package agent

import (
	"context"
	"crypto/sha256"
	"fmt"
	"net/http"
	"sync/atomic"

	"github.com/hashicorp/consul/api"
)

// Transport is how requests reach the Consul agent. Its TLS material can be replaced
// while requests are under way: each takes what is in force when it starts, and a long
// poll ends as it began.
type Transport struct {
	make    func() *http.Transport
	files   TLSFiles // at the start
	digest  [sha256.Size]byte
	current atomic.Pointer[http.Transport]
}

// NewTransport returns a transport with the material in the files. The function build makes
// everything of it but the TLS configuration.
func NewTransport(files TLSFiles, build func() *http.Transport) (*Transport, error) {
	t := &Transport{make: build, files: files}
	m, err := files.read()
	if err != nil {
		return nil, err
	}
	fresh, err := t.with(m)
	if err != nil {
		return nil, err
	}
	t.use(fresh, m)
	return t, nil
}

// with returns what the transport would be with other material.
func (t *Transport) with(m material) (*http.Transport, error) {
	config, err := api.SetupTLSConfig(&m.config)
	if err != nil {
		return nil, fmt.Errorf("use certificates: %w", err)
	}
	fresh := t.make()
	fresh.TLSClientConfig = config
	return fresh, nil
}

func (t *Transport) use(fresh *http.Transport, m material) {
	t.digest = m.digest
	if old := t.current.Swap(fresh); old != nil {
		old.CloseIdleConnections()
	}
}

// trial is the key in a context under which a request carries a transport of its own,
// which is how new material is tried.
type trial struct{}

func try(ctx context.Context, fresh *http.Transport) context.Context {
	return context.WithValue(ctx, trial{}, fresh)
}

// RoundTrip implements [http.RoundTripper].
func (t *Transport) RoundTrip(request *http.Request) (*http.Response, error) {
	if fresh, ok := request.Context().Value(trial{}).(*http.Transport); ok {
		return fresh.RoundTrip(request)
	}
	return t.current.Load().RoundTrip(request)
}
