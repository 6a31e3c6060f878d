package consultest

import (
	"net/http"
	"time"
)

const statusLeader = "/v1/status/leader"

// statusLeader answers at once and to everyone, leader or not, token or not. It touches no state of the agent.
func (c *Consul) statusLeader(*query) answer {
	c.mu.Lock()
	defer c.mu.Unlock()
	return reply(http.StatusOK, c.leader)
}

// SetLeader makes addr the leader; "" means that there is none, because the servers lost their quorum.
//
// Without a leader /v1/status/leader still answers 200, with "". Stale reads answer with KnownLeader false and
// a growing LastContact. Other reads and KV writes of clients fail with 500 after 10 s. Blocking queries that
// are under way go on. A register or deregister changes the agent and is answered with 200 in the end, but
// every object that waits for the servers locks the agent's state for 10 s, and meanwhile services, checks and
// self do not answer either. When a leader is back, the agent syncs the catalog at once.
func (c *Consul) SetLeader(addr string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	before := c.leader
	c.leader = addr
	switch {
	case before != "" && addr == "":
		c.lost = time.Now()
	case before == "" && addr != "":
		c.busy = time.Time{}
		c.fullSyncLocked()
	}
	c.changedLocked()
}

// Snapshot is what the servers held at one moment.
type Snapshot struct{ store *store }

// Snapshot saves the KV tree and the catalog, as consul snapshot save does.
func (c *Consul) Snapshot() *Snapshot {
	c.mu.Lock()
	defer c.mu.Unlock()
	return &Snapshot{c.store.clone()}
}

// Restore puts the servers back to a snapshot, as consul snapshot restore does. Blocking queries that are
// under way return at once, with the old data and the same index they asked for. Later reads see the restored
// data with its lower index; only writes go on counting from where they were. The agent does not notice:
// what is missing in the catalog comes back with [Consul.FullSync].
//
// A nil snapshot means servers that lost their data: an empty tree at index 1, an empty catalog, and writes
// that count from the beginning.
func (c *Consul) Restore(s *Snapshot) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s == nil {
		c.raft = firstIndex
		c.store = newStore(firstIndex)
	} else {
		c.store = s.store.clone()
	}
	c.changedLocked()
}

// ReapTombstones forgets all deletes, which Consul does 15 minutes after each. The index of a prefix goes
// back to that of its newest pair, in perfectly normal operation. Nobody wakes.
func (c *Consul) ReapTombstones() {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.store.tombstones)
	c.changedLocked()
}
