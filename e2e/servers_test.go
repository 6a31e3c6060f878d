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

	after := r.footprints()
	for id, print := range before {
		if after[id] != print {
			t.Errorf("%s was written: %+v, then %+v", id, print, after[id])
		}
	}
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
