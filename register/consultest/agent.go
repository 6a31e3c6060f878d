package consultest

import (
	"errors"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/hashicorp/consul/api"
)

// Services returns what the agent holds, by service ID. Like everything this package returns, it may be read
// but not written to.
func (c *Consul) Services() map[string]api.AgentService {
	c.mu.Lock()
	defer c.mu.Unlock()
	held := map[string]api.AgentService{}
	for id := range c.local.services {
		if service, exists := c.local.service(id); exists {
			held[id] = service
		}
	}
	return held
}

// Checks returns the checks the agent holds, by check ID.
func (c *Consul) Checks() map[string]Check {
	c.mu.Lock()
	defer c.mu.Unlock()
	held := map[string]Check{}
	for id := range c.local.checks {
		if check, exists := c.local.check(id); exists {
			held[id] = check
		}
	}
	return held
}

// unlocked waits until the agent's state is not locked by a push that cannot get through.
func (c *Consul) unlocked(q *query) error {
	for {
		c.mu.Lock()
		rest := time.Until(c.busy)
		c.mu.Unlock()
		if rest <= 0 {
			return nil
		}
		err := c.until(q.request.Context(), q.boot, rest, func() bool { return time.Until(c.busy) <= 0 })
		if err != nil && !errors.Is(err, errTimeout) {
			return err
		}
	}
}

func (c *Consul) agentServices(q *query) answer {
	if err := c.unlocked(q); err != nil {
		return broken(err)
	}
	return shown(q, c.Services(), q.authz.seesService, serviceFields)
}

// agentService tells of one service. Unlike the list it refuses what a token may not see, and says so.
func (c *Consul) agentService(q *query) answer {
	if err := c.unlocked(q); err != nil {
		return broken(err)
	}
	service, exists := c.Services()[q.name]
	switch {
	case !exists:
		return plain(http.StatusNotFound, "unknown service ID: %s", q.name)
	case !q.authz.seesService(service):
		return q.denied("service:read", service.Service)
	default:
		return ok(service)
	}
}

// agentServiceHealth tells of one service and its checks. It does not tell what kinds of checks they are, and
// the state of all of them is the response's status.
func (c *Consul) agentServiceHealth(q *query) answer {
	if err := c.unlocked(q); err != nil {
		return broken(err)
	}
	info := api.AgentServiceChecksInfo{AggregatedStatus: api.HealthCritical}
	service, exists := c.Services()[q.name]
	switch {
	case !exists:
		return because(reply(http.StatusNotFound, info), "ServiceId "+q.name+" not found")
	case !q.authz.seesService(service):
		return q.denied("service:read", service.Service)
	}
	info.Service, info.AggregatedStatus, info.Checks = &service, api.HealthPassing, api.HealthChecks{}
	checks := c.Checks()
	for _, id := range slices.Sorted(maps.Keys(checks)) {
		if check := checks[id]; check.ServiceID == service.ID {
			info.Checks = append(info.Checks, &api.HealthCheck{
				Node: check.Node, CheckID: check.CheckID, Name: check.Name, Status: check.Status, Notes: check.Notes,
				Output: check.Output, ServiceID: check.ServiceID, ServiceName: check.ServiceName, ServiceTags: append([]string(nil), check.ServiceTags...), // null if there are none
			})
		}
	}
	if len(info.Checks) > 0 {
		info.AggregatedStatus = info.Checks.AggregatedStatus()
	}
	return because(reply(map[string]int{
		api.HealthPassing: http.StatusOK, api.HealthWarning: http.StatusTooManyRequests,
		api.HealthCritical: http.StatusServiceUnavailable, api.HealthMaint: http.StatusServiceUnavailable,
	}[info.AggregatedStatus], info), info.AggregatedStatus)
}

// because says in a header what the status means.
func because(a answer, reason string) answer {
	a.header.Set("X-Consul-Reason", reason)
	return a
}

func (c *Consul) agentChecks(q *query) answer {
	if err := c.unlocked(q); err != nil {
		return broken(err)
	}
	sees := func(check Check) bool { return q.authz.service(check.ServiceName, read) }
	return shown(q, c.Checks(), sees, checkFields)
}

// shown is what a token sees of a map, of which the filter then sees a part.
func shown[T any](q *query, all map[string]T, sees func(T) bool, of func(T) fields) answer {
	matches, bad := parseFilter(q.form.Get("filter"), of(*new(T)))
	if bad != "" {
		return plain(http.StatusInternalServerError, "%s", bad)
	}
	visible := maps.Clone(all)
	maps.DeleteFunc(visible, func(_ string, v T) bool { return !sees(v) })
	filtered := len(visible) < len(all)
	maps.DeleteFunc(visible, func(_ string, v T) bool { return !matches(of(v)) })
	a := ok(visible)
	setFiltered(a, q, filtered)
	return a
}

// agentSelf tells who the agent is: the part of it that answers where am I.
func (c *Consul) agentSelf(q *query) answer {
	if err := c.unlocked(q); err != nil {
		return broken(err)
	}
	c.mu.Lock()
	node := c.node
	c.mu.Unlock()
	if !q.authz.agent() {
		return q.denied("agent:read", node.name)
	}
	type object = map[string]any
	return ok(map[string]object{
		"Config": {
			"Datacenter": Datacenter, "PrimaryDatacenter": Datacenter,
			"NodeName": node.name, "NodeID": node.id,
			"Revision": "", "Server": false, "Version": version, "BuildDate": "1970-01-01T00:00:01Z",
			"BindAddr": node.address,
		},
		"DebugConfig": {
			"AdvertiseAddrLAN": node.address, "AdvertiseAddrWAN": node.address, "BindAddr": node.address,
			"NodeName": node.name, "Datacenter": Datacenter,
		},
		"Member": {
			"Name": node.name, "Addr": node.address, "Port": 8301, "Status": 1,
			"Tags": object{"build": version + ":", "dc": Datacenter, "id": node.id, "role": "node", "segment": ""},
		},
		"Meta": {"consul-network-segment": "", "consul-version": version},
	})
}

// change is a write to the agent: it takes effect, the servers are told, and only then is it answered. A
// client that gives up meanwhile does not take it back. apply is called under mu and says what is wrong.
func (c *Consul) change(q *query, apply func() *answer) answer {
	if err := c.unlocked(q); err != nil {
		return broken(err)
	}
	if wrong := c.applyChange(q, apply); wrong != nil {
		return *wrong
	}
	if err := c.unlocked(q); err != nil {
		return broken(err)
	}
	return ok(nil)
}

func (c *Consul) applyChange(q *query, apply func() *answer) *answer {
	c.mu.Lock()
	defer c.mu.Unlock()
	if wrong := apply(); wrong != nil {
		return wrong
	}
	c.pushLocked(!q.uncataloged)
	c.changedLocked()
	return nil
}

func (c *Consul) registerService(q *query) answer {
	r, bad := parseRegistration(q.body)
	if bad != "" {
		return plain(http.StatusBadRequest, "%s", bad)
	}
	value, given := q.form["replace-existing-checks"]
	replace := given && (value[0] == "" || value[0] == "true")
	return c.change(q, func() *answer {
		names := []string{r.service.Service}
		if old, exists := c.local.service(r.service.ID); exists {
			names = append(names, old.Service)
		}
		for _, name := range names {
			if denied := q.writesService(name); denied != nil {
				return denied
			}
		}
		c.local.register(c.node.name, r, replace)
		return nil
	})
}

func (c *Consul) deregisterService(q *query) answer {
	return c.change(q, func() *answer {
		service, wrong := c.ownServiceLocked(q)
		if wrong == nil {
			c.local.remove(service.ID)
		}
		return wrong
	})
}

func (c *Consul) maintainService(q *query) answer {
	switch enable, err := strconv.ParseBool(q.form.Get("enable")); {
	case q.name == "":
		return plain(http.StatusBadRequest, "Missing service ID")
	case !q.form.Has("enable"):
		return plain(http.StatusBadRequest, "Missing value for enable")
	case err != nil:
		return plain(http.StatusBadRequest, "Invalid value for enable: %q", q.form.Get("enable"))
	default:
		return c.change(q, func() *answer {
			service, wrong := c.ownServiceLocked(q)
			if wrong == nil && enable {
				c.local.maintain(c.node.name, service, q.form.Get("reason"))
			} else if wrong == nil {
				c.local.removeCheck(maintenancePrefix + service.ID)
			}
			return wrong
		})
	}
}

func (c *Consul) deregisterCheck(q *query) answer {
	return c.change(q, func() *answer {
		check, exists := c.local.check(q.name)
		if !exists {
			unknown := plain(http.StatusNotFound,
				"Unknown check ID %q. Ensure that the check ID is passed, not the check name.", q.name)
			return &unknown
		}
		denied := q.writesService(check.ServiceName)
		if denied == nil {
			c.local.removeCheck(q.name)
		}
		return denied
	})
}

// ownServiceLocked finds the service a write is about: 404 if it does not exist, whatever the token.
func (c *Consul) ownServiceLocked(q *query) (api.AgentService, *answer) {
	service, exists := c.local.service(q.name)
	if !exists {
		unknown := plain(http.StatusNotFound,
			"Unknown service ID %q. Ensure that the service ID is passed, not the service name.", q.name)
		return service, &unknown
	}
	return service, q.writesService(service.Service)
}

func (q *query) writesService(name string) *answer {
	if q.authz.service(name, write) {
		return nil
	}
	denied := q.denied("service:write", name)
	return &denied
}
