// Package consultest is a small Consul for tests: one node's agent and the servers behind it, in memory.
//
// The real consul/api client talks to it through an in-process transport. There are no sockets and no
// sleeps: every wait is a channel or a timer, so a five-minute blocking query inside a testing/synctest
// bubble takes no time at all. Call [New] inside the bubble, or the waits will not be durably blocking.
//
//	synctest.Test(t, func(t *testing.T) {
//		c := consultest.New()
//		client := c.Client()
//		go func() { time.Sleep(42 * time.Second); c.SetKV("deployments/default/web", "{}") }()
//		pairs, meta, err := client.KV().List("deployments/", &api.QueryOptions{WaitIndex: 1})
//		// ... 42 fake seconds later
//	})
//
// Only the endpoints the registrar needs exist: the KV tree and transactions on it, the agent's services and checks, the agent
// itself, the leader, one node's catalog and the health of a service. They answer as Consul 1.22 does, down to headers, status codes
// and error texts. Where a rule is surprising, the comment beside it names the rule.
//
// Methods of [Consul] are the test's side of the fence: they change what Consul holds ([Consul.SetKV]), break
// it ([Consul.Down], [Consul.SetLeader], [Consul.Restore], [Consul.Fault]) and show what it holds
// ([Consul.Services], [Consul.Writes]). They take effect at once, leader or not, and never block.
//
// # What a real Consul does besides
//
//   - It probes checks. Here [Consul.SetCheck] is the probe.
//   - It syncs the whole catalog every minute or more seldom. Here that is [Consul.FullSync]; it also happens
//     when a leader or the agent comes back, at once instead of within seconds.
//   - It keeps the token of a register for later pushes, and refuses them once the token is gone.
//   - It makes default-consistency queries wait in a back-off after a loss of the leader.
//   - It reaps tombstones by itself, draws its jitter at random and allows 200 connections per address.
//   - It knows cas outside of transactions, and in them more verbs; locks, sessions, raw values, namespaces and
//     all of the filter language.
package consultest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/hashicorp/consul/api"
)

// Consul is one Consul agent and the servers behind it. Its methods may be called from any goroutine.
type Consul struct {
	mu      sync.Mutex    // guards everything below; never held while waiting
	changed chan struct{} // closed and replaced whenever anything below changes

	// The servers.
	raft   uint64 // index of the last write; rises for ever, whatever happens to the data
	store  *store
	leader string
	lost   time.Time // when the leader was lost
	late   bool      // blocking queries time out as late as Consul allows
	acl    acl
	// reserved is the ID of the node that has our name in the catalog.
	reserved string
	// others are the services of other nodes.
	others      []*api.ServiceEntry
	othersIndex uint64

	// The agent.
	node  node
	local local
	busy  time.Time // the agent's state is locked until then
	down  bool
	boots int // how often the agent went down; a request dies with the boot it came in

	// The test.
	fault    func(*http.Request) *Fault
	requests []Request
}

// node is how the agent calls itself.
type node struct {
	id      string
	name    string
	address string
}

// The names a new Consul starts with.
const (
	NodeName    = "node-1"
	NodeAddress = "10.0.0.1"
	Datacenter  = "dc1"

	leaderAddress = "10.0.0.100:8300"
	version       = "1.22.0"
)

// firstIndex is the raft index of a young cluster: a few internal writes, the last of which put the node
// into the catalog.
const firstIndex = 10

// New returns a Consul that works: a leader, an empty KV tree, an agent without services, ACLs off.
func New() *Consul {
	id := newNodeID()
	return &Consul{
		changed:  make(chan struct{}),
		raft:     firstIndex,
		store:    newStore(firstIndex),
		leader:   leaderAddress,
		node:     node{id, NodeName, NodeAddress},
		reserved: id,
		local:    newLocal(),
	}
}

// newNodeID is random, as Consul's is: tests in several processes must not meet.
func newNodeID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// SetNode gives the agent another name and another advertised address.
func (c *Consul) SetNode(name, address string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.node.name, c.node.address = name, address
	c.changedLocked()
}

// changedLocked wakes everyone who waits for a change.
func (c *Consul) changedLocked() {
	close(c.changed)
	c.changed = make(chan struct{})
}

// writeLocked counts one raft write and returns its index.
func (c *Consul) writeLocked() uint64 {
	c.raft++
	return c.raft
}

var errTimeout = errors.New("timeout")

// until waits for ready, which is asked under mu now and after every change. It returns errTimeout after d,
// the cause when the request is cancelled, and EOF when the agent goes down, as a broken connection does.
func (c *Consul) until(ctx context.Context, boot int, d time.Duration, ready func() bool) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	for {
		c.mu.Lock()
		alive, changed := c.boots == boot, c.changed
		done := alive && ready()
		c.mu.Unlock()
		switch {
		case !alive:
			return io.EOF
		case done:
			return nil
		}
		select {
		case <-changed:
		case <-timer.C:
			return errTimeout
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
