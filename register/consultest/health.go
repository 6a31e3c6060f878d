package consultest

import (
	"cmp"
	"net/http"
	"slices"

	"github.com/hashicorp/consul/api"
)

// SetOthers says what the servers know of the services of other nodes, in place of what they
// knew. The answers of /v1/health/service have it, together with this node's own.
func (c *Consul) SetOthers(entries ...*api.ServiceEntry) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.others, c.othersIndex = slices.Clone(entries), c.writeLocked()
	c.changedLocked()
}

// serviceHealth lists the instances of a service with their checks and those of their nodes. Its index rises
// with every change of any of them.
//
// A real agent answers a query that has an index from a view of its own, which never knows whether there is a
// leader: X-Consul-Knownleader is false. And when it reaches no server, that view is empty.
func (c *Consul) serviceHealth(q *query) answer {
	if q.name == "" {
		return plain(http.StatusBadRequest, "Missing service name")
	}
	matches, bad := parseFilter(q.form.Get("filter"), entryFields(&api.ServiceEntry{}))
	if bad != "" {
		return plain(http.StatusInternalServerError, "%s", bad)
	}
	streams := q.index > 0
	a := c.block(q, func(s *store) answer {
		found, filtered := []*api.ServiceEntry{}, false
		for _, entry := range c.entriesLocked(s) {
			switch {
			case entry.Service.Service != q.name || !matches(entryFields(entry)):
			case !q.authz.node() || !q.authz.service(entry.Service.Service, read):
				filtered = true
			case q.form.Has("passing") && entry.Checks.AggregatedStatus() != api.HealthPassing:
			default:
				found = append(found, entry)
			}
		}
		return c.foundLocked(q, http.StatusOK, found, max(s.nodeIndex, s.checkIndex, c.othersIndex), filtered)
	})
	if streams && a.status == http.StatusOK {
		a.header.Set("X-Consul-Query-Backend", "streaming")
		a.header.Set("X-Consul-Knownleader", "false")
	}
	return a
}

// entriesLocked returns all instances on all nodes, by node and ID.
func (c *Consul) entriesLocked(s *store) []*api.ServiceEntry {
	all := slices.Clone(c.others)
	node := c.catalogNodeLocked()
	for id := range s.services {
		service := s.services[id]
		entry := &api.ServiceEntry{Node: node, Service: &service, Checks: api.HealthChecks{
			{Node: node.Node, CheckID: "serfHealth", Name: "Serf Health Status", Status: api.HealthPassing},
		}}
		for _, check := range s.checks {
			if check.ServiceID == id {
				entry.Checks = append(entry.Checks, &api.HealthCheck{
					Node: node.Node, CheckID: check.CheckID, Name: check.Name, Notes: check.Notes, Status: check.Status,
					ServiceID: id, ServiceName: service.Service,
				})
			}
		}
		all = append(all, entry)
	}
	slices.SortFunc(all, func(a, b *api.ServiceEntry) int {
		return cmp.Or(cmp.Compare(a.Node.Node, b.Node.Node), cmp.Compare(a.Service.ID, b.Service.ID))
	})
	return all
}

func entryFields(e *api.ServiceEntry) fields {
	f := fields{"Service": "", "Node": ""}
	if e.Service != nil {
		f["Service.ID"], f["Node.Node"] = e.Service.ID, e.Node.Node
	}
	return f
}
