package e2e

import (
	"net"
	"testing"

	"github.com/hashicorp/consul/api"

	"github.com/k8s-registrar/k8s-registrar/e2e/consulproc"
)

// Servers that come and go lose nothing, and changes made afterwards go through.
func TestServersComeAndGo(t *testing.T) {
	t.Parallel()
	r := onOwnCluster(t, "servers", consulproc.Options{Servers: 3})
	want := r.fill(5)
	r.start(often)
	r.announces(want...)
	r.ready()
	before := r.footprints()

	leader, survivor := r.leader()
	r.server = r.client(survivor)
	must(t, leader.Kill())
	want = append(want, "after-kill:30100")
	eventually(t, func() error { return r.tryPut("after-kill", 30100) })
	took := eventually(t, func() error { return r.holds(want...) })
	t.Logf("%v from the first write that the new leader took to its service in the catalog", took)
	r.ready()
	unwritten(t, before, r.footprints())
	node := r.nodeBorn()

	must(t, leader.Launch())
	for _, server := range r.cluster.Servers() {
		must(t, server.Kill())
	}
	eventually(t, func() error {
		return r.says("one that complains", func(s status) bool { return s.Watch.Error != "" })
	})
	must(t, r.localHolds(want...))
	for _, server := range r.cluster.Servers() {
		must(t, server.Launch())
	}
	took = eventually(t, r.isReady)
	t.Logf("ready %v after all servers were started again", took)
	want = append(want, "after-restart:30101")
	eventually(t, func() error { return r.tryPut("after-restart", 30101) })
	r.announces(want...)

	// A leader of servers that were all away may not know the node by gossip yet and then
	// takes it out of the catalog (leader.go: reconcileReaped), until anti-entropy or our
	// repair brings everything back, as one did here. Only where the node stayed does a
	// footprint tell of a write of ours.
	after := r.footprints()
	if born := r.nodeBorn(); born != node {
		t.Logf("the new leader reaped the node: created at %d, then at %d", node, born)
		return
	}
	unwritten(t, before, after)
}

// unwritten fails the test if the servers wrote one of these services between; there may
// be others after.
func unwritten(t *testing.T, before, after map[string]footprint) {
	t.Helper()
	for id, print := range before {
		if after[id] != print {
			t.Errorf("%s was written: %+v, then %+v", id, print, after[id])
		}
	}
}

// nodeBorn returns the index at which the catalog got to know this node, 0 while it does
// not.
func (r *rig) nodeBorn() uint64 {
	r.Helper()
	node, _, err := r.server.Catalog().Node(r.node.Name(), r.query())
	must(r, err)
	if node == nil {
		return 0
	}
	return node.Node.CreateIndex
}

// tryPut writes a service, which fails while there is no leader.
func (r *rig) tryPut(name string, port int) error {
	_, err := r.server.KV().Put(&api.KVPair{Key: r.key(name), Value: []byte(service("shop", name, port, ""))}, r.write())
	return err
}

// leader returns the server that leads, and another one.
func (r *rig) leader() (leader, other *consulproc.Process) {
	r.Helper()
	address, err := r.server.Status().LeaderWithQueryOptions(r.query())
	must(r, err)
	host, _, err := net.SplitHostPort(address)
	must(r, err)
	for _, server := range r.cluster.Servers() {
		if server.Address() == host {
			leader = server
		} else {
			other = server
		}
	}
	if leader == nil {
		r.Fatalf("the leader %s is none of ours", address)
	}
	return leader, other
}
