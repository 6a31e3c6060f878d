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

// Replace empties the data directory of the agent and gives it another node ID, as one that keeps its ID there.
// The servers reserve the name for the ID they know: they take nothing from the agent and keep what they have,
// and the agent answers 200 nevertheless, until [Consul.Reap].
func (c *Consul) Replace() {
	c.Wipe()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.node.id = newNodeID()
}

// Reap makes the servers take the agent for their node again, whatever its ID, as they do when it was away for
// long enough, and makes the catalog equal to what it holds.
func (c *Consul) Reap() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.reserved = c.node.id
	c.fullSyncLocked()
	c.changedLocked()
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
