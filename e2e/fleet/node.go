package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/hashicorp/consul/api"
)

// node stands in for the client agent of one node, as the transport of its client. It is
// called in the goroutine of the caller.
//
// It answers /v1/agent/... from memory. A registration is written to the servers' catalog
// as this node before it is answered, one at a time, as Consul's agent does it. All other
// requests go to the servers as they are.
//
// It has no disk, no gossip, no anti-entropy, no probes of checks, and no RPC: where an
// agent asks its server in msgpack over one connection, this asks in JSON over HTTP/2, so
// that the servers also do the work of encoding that agents would do.
type node struct {
	name, id, address string
	servers           *servers
	arrivals          *arrivals
	server            sticky
	client            *client // a real one; nil if this stands in for it

	writing sync.Mutex // one registration at a time

	mu       sync.Mutex // guards the following
	known    bool       // whether the servers know the node itself
	services map[string]*api.AgentServiceRegistration
	checks   map[string]*api.AgentCheck
}

// RoundTrip implements [http.RoundTripper].
func (n *node) RoundTrip(r *http.Request) (*http.Response, error) {
	if n.client != nil {
		return n.pass(r)
	}
	path, isAgents := strings.CutPrefix(r.URL.Path, "/v1/agent/")
	if !isAgents {
		return n.servers.forward(&n.server, r)
	}
	status, body := n.answer(r, path)
	return response(r, status, body), nil
}

// answer does what Consul's agent does for the requests that the product makes.
func (n *node) answer(r *http.Request, path string) (status int, body any) {
	id := path[strings.LastIndexByte(path, '/')+1:]
	switch {
	case path == "self":
		return http.StatusOK, map[string]any{
			"Config": map[string]any{"NodeName": n.name, "NodeID": n.id, "Datacenter": "dc1"},
			"Member": map[string]any{"Name": n.name, "Addr": n.address, "Status": 1},
		}
	case path == "services":
		services, left := n.list(), others(r)
		maps.DeleteFunc(services, func(id string, _ *api.AgentService) bool { return left(id) })
		return http.StatusOK, services
	case path == "checks":
		n.mu.Lock()
		defer n.mu.Unlock()
		checks, left := maps.Clone(n.checks), others(r)
		maps.DeleteFunc(checks, func(_ string, c *api.AgentCheck) bool { return left(c.ServiceID) })
		return http.StatusOK, checks
	case path == "service/register":
		return n.register(r)
	case strings.HasPrefix(path, "service/deregister/"):
		return n.deregister(r, id)
	case strings.HasPrefix(path, "check/deregister/"):
		return http.StatusNotFound, "Unknown check ID" // its services have no other checks than theirs
	case strings.HasPrefix(path, "health/service/id/"):
		return n.health(id)
	case strings.HasPrefix(path, "service/"):
		if s := n.list()[id]; s != nil {
			return http.StatusOK, s
		}
		return http.StatusNotFound, "unknown service ID: " + id
	default:
		return http.StatusNotFound, "the stand-in has no " + path
	}
}

// byPattern is the kind of filter with which much is asked for in parts.
var byPattern = regexp.MustCompile(`^\w+ (not )?matches (".*")$`)

// others returns a function that tells whether a request does not ask for the service with an
// ID. Filters of other kinds choose one of few, which is done by who asks as well.
func others(r *http.Request) func(id string) bool {
	none := func(string) bool { return false }
	parts := byPattern.FindStringSubmatch(r.URL.Query().Get("filter"))
	if parts == nil {
		return none
	}
	text, err := strconv.Unquote(parts[2])
	if err != nil {
		return none
	}
	pattern, err := regexp.Compile(text)
	if err != nil {
		return none
	}
	return func(id string) bool { return pattern.MatchString(id) != (parts[1] == "") }
}

// list returns the services as an agent shows them.
func (n *node) list() map[string]*api.AgentService {
	n.mu.Lock()
	defer n.mu.Unlock()
	all := map[string]*api.AgentService{}
	for id, r := range n.services {
		all[id] = shown(r)
	}
	return all
}

func shown(r *api.AgentServiceRegistration) *api.AgentService {
	return &api.AgentService{
		ID: r.ID, Service: r.Name, Tags: r.Tags, Meta: r.Meta, Port: r.Port, Address: r.Address,
		Weights: api.AgentWeights{Passing: 1, Warning: 1}, Datacenter: "dc1",
	}
}

// health returns a service with its checks, whose types an agent does not tell here.
func (n *node) health(id string) (status int, body any) {
	n.mu.Lock()
	defer n.mu.Unlock()
	info := api.AgentServiceChecksInfo{AggregatedStatus: api.HealthCritical}
	r := n.services[id]
	if r == nil {
		return http.StatusNotFound, info
	}
	info.Service, info.AggregatedStatus = shown(r), api.HealthPassing
	for _, c := range n.checks {
		if c.ServiceID == id {
			info.Checks = append(info.Checks, &api.HealthCheck{
				Node: n.name, CheckID: c.CheckID, Name: c.Name, Notes: c.Notes, Status: c.Status, ServiceID: c.ServiceID, ServiceName: c.ServiceName,
			})
		}
	}
	return http.StatusOK, info
}

// register takes in a service and answers when it is in the catalog.
func (n *node) register(r *http.Request) (status int, body any) {
	n.writing.Lock()
	defer n.writing.Unlock()
	want := &api.AgentServiceRegistration{}
	if err := json.NewDecoder(r.Body).Decode(want); err != nil {
		return http.StatusBadRequest, err.Error()
	}
	if want.Check != nil {
		want.Checks = append(want.Checks, want.Check)
	}
	checks := n.checksOf(want)
	if err := n.servers.put(r.Context(), &n.server, "/v1/catalog/register", n.catalogEntry(want, checks)); err != nil {
		return http.StatusInternalServerError, err.Error()
	}
	n.arrivals.note(want.Name, want.Tags)
	n.mu.Lock()
	defer n.mu.Unlock()
	n.known = true
	n.services[want.ID] = want
	for _, c := range checks {
		n.checks[c.CheckID] = c
	}
	return http.StatusOK, nil
}

// checksOf returns the checks of a service. A new one has the status that was stated, and
// keeps it for ever: nothing is probed.
func (n *node) checksOf(want *api.AgentServiceRegistration) []*api.AgentCheck {
	n.mu.Lock()
	defer n.mu.Unlock()
	var all []*api.AgentCheck
	for _, c := range want.Checks {
		check := &api.AgentCheck{
			Node: n.name, CheckID: c.CheckID, Name: c.Name, Notes: c.Notes, Status: c.Status, Type: "tcp",
			ServiceID: want.ID, ServiceName: want.Name,
		}
		if before := n.checks[c.CheckID]; before != nil {
			check.Status = before.Status
		}
		all = append(all, check)
	}
	return all
}

// catalogEntry is what an agent sends to the servers for one service.
func (n *node) catalogEntry(want *api.AgentServiceRegistration, checks []*api.AgentCheck) *api.CatalogRegistration {
	n.mu.Lock()
	defer n.mu.Unlock()
	entry := &api.CatalogRegistration{
		Node: n.name, ID: n.id, Address: n.address, SkipNodeUpdate: n.known,
		Service: &api.AgentService{
			ID: want.ID, Service: want.Name, Tags: want.Tags, Meta: want.Meta, Port: want.Port, Address: want.Address,
			Weights: api.AgentWeights{Passing: 1, Warning: 1},
		},
	}
	for _, c := range checks {
		entry.Checks = append(entry.Checks, &api.HealthCheck{
			Node: n.name, CheckID: c.CheckID, Name: c.Name, Notes: c.Notes, Status: c.Status, Type: c.Type, ServiceID: c.ServiceID, ServiceName: c.ServiceName,
		})
	}
	return entry
}

// deregister removes a service and answers when it is out of the catalog.
func (n *node) deregister(r *http.Request, id string) (status int, body any) {
	n.writing.Lock()
	defer n.writing.Unlock()
	if n.list()[id] == nil {
		return http.StatusNotFound, "Unknown service ID " + id
	}
	if err := n.servers.put(r.Context(), &n.server, "/v1/catalog/deregister", &api.CatalogDeregistration{Node: n.name, ServiceID: id}); err != nil {
		return http.StatusInternalServerError, err.Error()
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.services, id)
	maps.DeleteFunc(n.checks, func(_ string, c *api.AgentCheck) bool { return c.ServiceID == id })
	return http.StatusOK, nil
}

// holds returns how many services of the tree the node has.
func (n *node) holds() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	var all int
	for _, s := range n.services {
		if s.Name != daemons {
			all++
		}
	}
	return all
}

// newNode returns the stand-in of the node with a number.
func newNode(i int, s *servers, a *arrivals) *node {
	return &node{
		name: fmt.Sprintf("node-%04d", i), id: fmt.Sprintf("00000000-0000-4000-8000-%012d", i), address: fmt.Sprintf("10.0.%d.%d", i>>8, i&255),
		servers: s, arrivals: a, server: sticky{at: i % len(s.addresses), transport: s.transport(i)},
		services: map[string]*api.AgentServiceRegistration{}, checks: map[string]*api.AgentCheck{},
	}
}

// tagged tells whether one of the tags is this one.
func tagged(tags []string, tag string) bool { return slices.Contains(tags, tag) }
