package consultest

import "time"

// Down kills the agent. Requests that are under way break with EOF, later ones are refused.
func (c *Consul) Down() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.down = true
	c.boots++
	c.busy = time.Time{}
	c.changedLocked()
}

// Wipe empties the data directory of the agent: between Down and Up, its services and checks are gone.
func (c *Consul) Wipe() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.local = newLocal()
}

// Up starts the agent again. It has the services it had, but all of their checks are critical until something
// probes them (see [Consul.SetCheck]), even those that were registered as passing. It makes the catalog equal
// to what it holds: after [Consul.Wipe], nothing.
func (c *Consul) Up() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.down = false
	c.local = c.local.restarted()
	c.fullSyncLocked()
	c.changedLocked()
}

// boot says in which boot of the agent a request arrives.
func (c *Consul) boot() (boot int, up bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.boots, !c.down
}
