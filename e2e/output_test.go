package e2e

import (
	"fmt"
	"net"
	"sync/atomic"
	"testing"

	"github.com/hashicorp/consul/api"
)

// TestProbesThatFindTheSameWriteNothing: what a check says is the same text each time, so
// that probes cost Consul's servers, and Traefik that waits for them, no change.
func TestProbesThatFindTheSameWriteNothing(t *testing.T) {
	t.Parallel()
	r := onSharedNode(t, "output")
	var probes atomic.Int64
	listener, err := net.Listen("tcp", fmt.Sprintf("%s:%d", r.node.Address(), 30307)) //nolint:noctx // of a test
	must(t, err)
	t.Cleanup(func() { must(t, listener.Close()) })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			probes.Add(1)
			_ = conn.Close() // the one who connected has seen what it wanted to see
		}
	}()
	after := func(n int64) {
		t.Helper()
		before := probes.Load()
		eventually(t, func() error {
			if more := probes.Load() - before; more < n {
				return fmt.Errorf("%d probes, want %d", more, n)
			}
			return nil
		})
	}
	r.put("same", 30307, "")
	r.put("dead", 30308, "")
	r.start()
	r.announces("same:30307", "dead:30308")
	after(3) // what the check says first is what the daemon has seen

	before := map[string]api.HealthCheck{}
	for _, name := range []string{"same", "dead"} {
		before[name] = r.check(name)
	}
	after(4)
	for name, was := range before {
		if now := r.check(name); now.Output != was.Output || now.Output == "" || now.ModifyIndex != was.ModifyIndex {
			t.Errorf("%s: %q at %d, want %q at %d", name, now.Output, now.ModifyIndex, was.Output, was.ModifyIndex)
		}
	}
}

// check is what the local agent says of a service's check, and when the servers last heard.
func (r *rig) check(service string) api.HealthCheck {
	r.Helper()
	query := r.query()
	query.Filter = fmt.Sprintf("ServiceID == %q", r.id(service))
	checks, _, err := r.server.Health().Node(r.node.Name(), query)
	must(r, err)
	local, err := r.local.Agent().ChecksWithFilterOpts(query.Filter, r.query())
	must(r, err)
	if len(checks) != 1 || len(local) != 1 {
		r.Fatalf("checks of %s: %v in the catalog, %v on the agent, want one", service, checks, local)
	}
	check := *checks[0]
	check.Output = local[check.CheckID].Output
	return check
}
