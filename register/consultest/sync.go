package consultest

import (
	"maps"
	"slices"
	"time"

	"github.com/hashicorp/consul/api"
)

// pushStall is how long the agent tries to push one object while there is no leader, with its state locked.
// Real agents took 7 to 19 s.
const pushStall = 10 * time.Second

// pushLocked tells the servers what they do not know yet: the agent does so after every change, before it
// answers. Without a leader nothing gets through and everything stays pending, but each object holds the
// agent's state for a while. If the servers do not accept, the agent notes it in its log and takes the objects
// for synced.
func (c *Consul) pushLocked(accept bool) {
	if c.leader == "" {
		if now := time.Now(); c.busy.Before(now) {
			c.busy = now
		}
		c.busy = c.busy.Add(time.Duration(c.local.pending()) * pushStall)
		return
	}
	accept = accept && c.reserved == c.node.id
	for _, id := range slices.Sorted(maps.Keys(c.local.services)) {
		if held := c.local.services[id]; held.deleted {
			c.pushDeletedLocked(id, accept)
		} else if !held.synced {
			c.pushServiceLocked(held, accept)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(c.local.checks)) {
		if held := c.local.checks[id]; held.deleted {
			c.pushDeletedCheckLocked(id, accept)
		} else if !held.synced {
			c.pushCheckLocked(held, accept)
		}
	}
}

// pending counts what the servers do not know.
func (l local) pending() int {
	n := 0
	for _, held := range l.services {
		if !held.synced {
			n++
		}
	}
	for _, held := range l.checks {
		if !held.synced {
			n++
		}
	}
	return n
}

// pushServiceLocked registers a service together with those of its checks that are not synced.
func (c *Consul) pushServiceLocked(held *localService, accept bool) {
	held.synced = true
	var checks []Check
	for _, id := range c.local.checksOf(held.service.ID) {
		if check := c.local.checks[id]; !check.synced {
			check.synced = true
			checks = append(checks, check.check)
		}
	}
	if accept {
		c.store.register(held.service, checks, c.writeLocked())
	}
}

// pushCheckLocked registers a check, and its service along with it: a status that flips also brings back a
// service that the catalog lost.
func (c *Consul) pushCheckLocked(held *localCheck, accept bool) {
	held.synced = true
	service, exists := c.local.service(held.check.ServiceID)
	if accept && exists {
		c.store.register(service, []Check{held.check}, c.writeLocked())
	}
}

func (c *Consul) pushDeletedLocked(id string, accept bool) {
	delete(c.local.services, id)
	maps.DeleteFunc(c.local.checks, func(_ string, held *localCheck) bool {
		return held.deleted && held.check.ServiceID == id
	})
	if accept {
		c.store.deregister(id, c.writeLocked())
	}
}

func (c *Consul) pushDeletedCheckLocked(id string, accept bool) {
	delete(c.local.checks, id)
	if accept {
		c.store.deregisterCheck(id, c.writeLocked())
	}
}

// FullSync makes the catalog equal to what the agent holds, which the agent does by itself every minute or
// more seldom, the larger the cluster; here only the test does. Without a leader nothing happens.
func (c *Consul) FullSync() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fullSyncLocked()
	c.changedLocked()
}

func (c *Consul) fullSyncLocked() {
	if c.leader == "" {
		return
	}
	for id, held := range c.local.services {
		known, exists := c.store.services[id]
		held.synced = exists && sameService(known, held.service)
	}
	for id, held := range c.local.checks {
		known, exists := c.store.checks[id]
		held.synced = exists && sameCheck(known, held.check)
	}
	for id := range c.store.services {
		if _, exists := c.local.services[id]; !exists {
			c.local.services[id] = &localService{service: api.AgentService{ID: id}, deleted: true}
		}
	}
	for id := range c.store.checks {
		if _, exists := c.local.checks[id]; !exists {
			c.local.checks[id] = &localCheck{deleted: true}
		}
	}
	c.pushLocked(true)
}

// SetCheck is a probe's result: the status of a check, e.g. api.HealthPassing, and what it said. An ID that
// does not exist is ignored.
func (c *Consul) SetCheck(id, status, output string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	check, exists := c.local.check(id)
	if !exists {
		return
	}
	check.Status, check.Output = status, output
	c.local.putCheck(check)
	c.pushLocked(true)
	c.changedLocked()
}
