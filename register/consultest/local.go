package consultest

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/hashicorp/consul/api"
)

// Check is a health check as Consul's JSON has it.
type Check struct {
	Node        string
	CheckID     string
	Name        string
	Status      string
	Notes       string
	Output      string
	ServiceID   string
	ServiceName string
	ServiceTags []string
	Type        string
	Interval    string
	Timeout     string
	ExposedPort int
	Definition  struct{} // the agent does not tell what it probes
	CreateIndex uint64
	ModifyIndex uint64

	// Registered is what the check was asked to be, target and thresholds included. Consul keeps it to itself.
	Registered api.AgentServiceCheck `json:"-"`
}

// local is what the agent holds, and how far the servers know of it.
type local struct {
	services map[string]*localService
	checks   map[string]*localCheck // by an ID that is unique in the agent, not in the service
}

// localService is one service. A deleted one stays until the servers have deleted it too.
type localService struct {
	service api.AgentService
	synced  bool
	deleted bool
}

type localCheck struct {
	check   Check
	synced  bool
	deleted bool
}

func newLocal() local {
	return local{services: map[string]*localService{}, checks: map[string]*localCheck{}}
}

func (l local) service(id string) (api.AgentService, bool) {
	held, exists := l.services[id]
	if !exists || held.deleted {
		return api.AgentService{}, false
	}
	return held.service, true
}

func (l local) check(id string) (Check, bool) {
	held, exists := l.checks[id]
	if !exists || held.deleted {
		return Check{}, false
	}
	return held.check, true
}

// checksOf returns the IDs of a service's checks, sorted.
func (l local) checksOf(serviceID string) []string {
	var ids []string
	for _, id := range slices.Sorted(maps.Keys(l.checks)) {
		if check, exists := l.check(id); exists && check.ServiceID == serviceID {
			ids = append(ids, id)
		}
	}
	return ids
}

// put holds a service. One that looks like the one before it counts as synced, whether the servers have it or
// not: registering the same again never repairs the catalog. The same goes for checks.
func (l local) put(service api.AgentService) {
	old, exists := l.services[service.ID]
	l.services[service.ID] = &localService{service: service, synced: exists && sameService(old.service, service)}
}

func (l local) putCheck(check Check) {
	old, exists := l.checks[check.CheckID]
	l.checks[check.CheckID] = &localCheck{check: check, synced: exists && sameCheck(old.check, check)}
}

// sameCheck compares what Consul compares. A new target, interval or timeout alone is no difference to it.
func sameCheck(a, b Check) bool {
	return a.CheckID == b.CheckID && a.Name == b.Name && a.Status == b.Status && a.Notes == b.Notes &&
		a.Output == b.Output && a.ServiceID == b.ServiceID && a.ServiceName == b.ServiceName &&
		slices.Equal(a.ServiceTags, b.ServiceTags)
}

// register holds a service and its checks. Checks it had before stay, unless replace.
func (l local) register(node string, r registration, replace bool) {
	previous := l.checksOf(r.service.ID)
	l.put(r.service)
	var kept []string
	for i, wanted := range r.checks {
		check := l.checkFor(node, r, i, wanted)
		kept = append(kept, check.CheckID)
		l.putCheck(check)
	}
	if !replace {
		return
	}
	// This takes a maintenance check too, and with it the maintenance.
	for _, id := range previous {
		if !slices.Contains(kept, id) {
			l.removeCheck(id)
		}
	}
}

// checkFor makes the i-th check of a registration. A check ID that is known already, be it another service's,
// keeps its live status and output; only a new one begins with the status asked for.
func (l local) checkFor(node string, r registration, i int, wanted api.AgentServiceCheck) Check {
	check := Check{
		Node:        node,
		CheckID:     wanted.CheckID,
		Name:        wanted.Name,
		Status:      wanted.Status,
		Notes:       wanted.Notes,
		ServiceID:   r.service.ID,
		ServiceName: r.service.Service,
		ServiceTags: r.service.Tags,
		Type:        checkType(wanted),
		Interval:    canonical(wanted.Interval),
		Timeout:     canonical(wanted.Timeout),
		Registered:  wanted,
	}
	if check.CheckID == "" {
		check.CheckID = "service:" + r.service.ID
		if len(r.checks) > 1 {
			check.CheckID += fmt.Sprintf(":%d", i+1)
		}
	}
	if check.Name == "" {
		check.Name = fmt.Sprintf("Service '%s' check", r.service.Service)
	}
	if check.Status == "" {
		check.Status = api.HealthCritical
	}
	if old, exists := l.check(check.CheckID); exists {
		check.Status, check.Output = old.Status, old.Output
	}
	return check
}

// canonical is a duration as Consul shows it, e.g. "1m0s" for "60s".
func canonical(duration string) string {
	d, err := time.ParseDuration(duration)
	if err != nil || d == 0 {
		return ""
	}
	return d.String()
}

func (l local) remove(id string) {
	l.services[id].deleted, l.services[id].synced = true, false
	for _, check := range l.checksOf(id) {
		l.removeCheck(check)
	}
}

func (l local) removeCheck(id string) {
	if held, exists := l.checks[id]; exists {
		held.deleted, held.synced = true, false
	}
}

const maintenancePrefix = "_service_maintenance:"

// maintain adds the critical check that maintenance consists of.
func (l local) maintain(node string, service api.AgentService, reason string) {
	id := maintenancePrefix + service.ID
	if _, exists := l.check(id); exists {
		return
	}
	if reason == "" {
		reason = "Maintenance mode is enabled for this service, but no reason was provided. This is a default message."
	}
	l.putCheck(Check{
		Node:        node,
		CheckID:     id,
		Name:        "Service Maintenance Mode",
		Status:      api.HealthCritical,
		Notes:       reason,
		ServiceID:   service.ID,
		ServiceName: service.Service,
		ServiceTags: service.Tags,
		Type:        "maintenance",
	})
}

// restarted is what the agent reads back from its data directory: everything it held, but all checks are
// critical, and it has to find out anew what the servers know.
func (l local) restarted() local {
	next := newLocal()
	for id := range l.services {
		if service, exists := l.service(id); exists {
			next.put(service)
		}
	}
	for id := range l.checks {
		if check, exists := l.check(id); exists {
			check.Status, check.Output = api.HealthCritical, ""
			next.putCheck(check)
		}
	}
	return next
}
