package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/hashicorp/consul/api"

	"github.com/k8s-registrar/k8s-registrar/e2e/consulproc"
)

// client is a client agent of Consul, in whose place [node] stands in for others. The node
// only notes what is written there.
type client struct {
	address   string // host:port
	transport http.Transport
}

// behind makes a node of a real client agent. The checks of its services dial the host.
func (n *node) behind(agent *consulproc.Process, host string) *node {
	n.name, n.address = agent.Name(), host
	n.client = &client{address: agent.HTTPAddr(), transport: http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 64}}
	return n
}

// pass passes a request on to the client agent, and notes what that has done.
func (n *node) pass(r *http.Request) (*http.Response, error) {
	var body []byte
	if r.Body != nil {
		var err error
		if body, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
	}
	r = r.Clone(r.Context())
	r.URL.Scheme, r.URL.Host, r.Host = "http", n.client.address, ""
	r.Body = io.NopCloser(bytes.NewReader(body))
	answer, err := n.client.transport.RoundTrip(r)
	if err != nil || answer.StatusCode != http.StatusOK {
		return answer, err
	}
	return answer, n.took(r.URL.Path, body)
}

// took notes a write that the client agent has answered, which is when it is in the catalog.
func (n *node) took(path string, body []byte) error {
	if id, removed := strings.CutPrefix(path, "/v1/agent/service/deregister/"); removed {
		n.mu.Lock()
		defer n.mu.Unlock()
		delete(n.services, id)
	}
	if path != "/v1/agent/service/register" {
		return nil
	}
	want := &api.AgentServiceRegistration{}
	if err := json.Unmarshal(body, want); err != nil {
		return fmt.Errorf("read what is registered: %w", err)
	}
	n.arrivals.note(want.Name, want.Tags)
	n.mu.Lock()
	defer n.mu.Unlock()
	n.services[want.ID] = want
	return nil
}
