package consultest

import (
	"maps"
	"net/http"
	"slices"

	"github.com/hashicorp/consul/api"
)

// CatalogServices returns what the servers know of the node's services, by service ID.
func (c *Consul) CatalogServices() map[string]api.AgentService {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.store.services)
}

// CatalogChecks returns what the servers know of the node's checks, by check ID.
func (c *Consul) CatalogChecks() map[string]Check {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.store.checks)
}

// CatalogDeregister removes a service from the catalog behind the agent's back. The agent does not notice.
func (c *Consul) CatalogDeregister(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.store.deregister(id, c.writeLocked())
	c.changedLocked()
}

// CatalogDeregisterCheck removes a check from the catalog behind the agent's back.
func (c *Consul) CatalogDeregisterCheck(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.store.deregisterCheck(id, c.writeLocked())
	c.changedLocked()
}

// nodeList is the answer of /v1/catalog/node-services.
type nodeList struct {
	Node     *api.Node
	Services []nodeService
}

// nodeService is a service as the catalog's JSON has it.
type nodeService struct {
	ID                string
	Service           string
	Tags              []string
	Address           string
	TaggedAddresses   map[string]api.ServiceAddress `json:",omitempty"`
	Meta              map[string]string
	Port              int `json:",omitempty"`
	Weights           api.AgentWeights
	EnableTagOverride bool
	Proxy             struct {
		Mode        string
		MeshGateway struct{}
		Expose      struct{}
	}
	Connect     struct{}
	PeerName    string
	CreateIndex uint64
	ModifyIndex uint64
}

// nodeServices lists a node's services as the servers know them. Its index is the node's own: it rises with
// every register and deregister that changes a definition, not with a check's status, another node or the KV
// tree. A filter does not change that: one that matches nothing makes a cheap doorbell.
func (c *Consul) nodeServices(q *query) answer {
	if q.name == "" {
		return plain(http.StatusBadRequest, "Missing node name")
	}
	matches, bad := parseFilter(q.form.Get("filter"), serviceFields(api.AgentService{}))
	if bad != "" {
		return plain(http.StatusInternalServerError, "%s", bad)
	}
	a := c.block(q, func(s *store) answer {
		found, index, filtered := c.nodeListLocked(q, s)
		found.Services = slices.DeleteFunc(found.Services, func(service nodeService) bool {
			return !matches(serviceFields(s.services[service.ID]))
		})
		if q.form.Get("filter") != "" && found.Services == nil {
			found.Services = []nodeService{}
		}
		return c.foundLocked(q, http.StatusOK, found, index, filtered)
	})
	return consistently(q, a)
}

// nodeHealth lists the checks of a node's services as the servers know them. Its index rises when a check
// comes, goes or changes its status.
func (c *Consul) nodeHealth(q *query) answer {
	matches, bad := parseFilter(q.form.Get("filter"), checkFields(Check{}))
	if bad != "" {
		return plain(http.StatusInternalServerError, "%s", bad)
	}
	a := c.block(q, func(s *store) answer {
		checks, filtered := []Check{}, false
		for _, id := range slices.Sorted(maps.Keys(s.checks)) {
			switch check := s.checks[id]; {
			case q.name != c.node.name:
			case !q.authz.node() || !q.authz.service(check.ServiceName, read):
				filtered = true
			case matches(checkFields(check)):
				checks = append(checks, check)
			}
		}
		return c.foundLocked(q, http.StatusOK, checks, s.checkIndex, filtered)
	})
	return consistently(q, a)
}

// consistently tells in an answer of the catalog how it was had.
func consistently(q *query, a answer) answer {
	if a.status == http.StatusOK {
		a.header.Set("X-Consul-Effective-Consistency", q.consistency())
	}
	return a
}

func (q *query) consistency() string {
	switch {
	case q.stale:
		return "stale"
	case q.consistent:
		return "consistent"
	default:
		return "leader"
	}
}

// nodeListLocked returns what the token may see: without node:read, nothing at all, but the index is right.
func (c *Consul) nodeListLocked(q *query, s *store) (found nodeList, index uint64, filtered bool) {
	if q.name != c.node.name {
		return nodeList{}, 0, false
	}
	if !q.authz.node() {
		return nodeList{}, s.nodeIndex, true
	}
	found.Node = c.catalogNodeLocked()
	for _, id := range slices.Sorted(maps.Keys(s.services)) {
		if q.authz.seesService(s.services[id]) {
			found.Services = append(found.Services, catalogService(s.services[id]))
		}
	}
	return found, s.nodeIndex, len(found.Services) < len(s.services)
}

func (c *Consul) catalogNodeLocked() *api.Node {
	return &api.Node{
		ID:         c.reserved,
		Node:       c.node.name,
		Address:    c.node.address,
		Datacenter: Datacenter,
		TaggedAddresses: map[string]string{
			"lan": c.node.address, "lan_ipv4": c.node.address,
			"wan": c.node.address, "wan_ipv4": c.node.address,
		},
		Meta:        map[string]string{"consul-network-segment": "", "consul-version": version},
		CreateIndex: firstIndex,
		ModifyIndex: firstIndex,
	}
}

func catalogService(service api.AgentService) nodeService {
	listed := nodeService{
		ID:                service.ID,
		Service:           service.Service,
		Tags:              service.Tags,
		Address:           service.Address,
		TaggedAddresses:   service.TaggedAddresses,
		Meta:              service.Meta,
		Port:              service.Port,
		Weights:           service.Weights,
		EnableTagOverride: service.EnableTagOverride,
		CreateIndex:       service.CreateIndex,
		ModifyIndex:       service.ModifyIndex,
	}
	if len(listed.Meta) == 0 {
		listed.Meta = nil
	}
	return listed
}
