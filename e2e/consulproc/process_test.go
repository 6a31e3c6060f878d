package consulproc

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/hashicorp/consul/api"
)

func TestKillKeepsServices(t *testing.T) {
	t.Parallel()
	cluster := start(t, Options{Clients: 1})
	agent := cluster.Clients()[0]
	register(t, agent, "", "web")
	addr, id := agent.HTTPAddr(), nodeID(t, agent)

	must(t, agent.Kill())
	if pid := agent.PID(); pid != 0 {
		t.Errorf("pid %d after kill, want 0", pid)
	}
	agent.Configure(map[string]any{"node_meta": map[string]any{"run": "2"}})
	must(t, agent.Restart(t.Context()))
	if got := services(t, agent); got != 1 {
		t.Errorf("%d services after restart, want 1", got)
	}
	if agent.HTTPAddr() != addr || nodeID(t, agent) != id {
		t.Errorf("restart changed %s, %s to %s, %s", addr, id, agent.HTTPAddr(), nodeID(t, agent))
	}
	self, err := client(t, agent, "").Agent().Self()
	must(t, err)
	if self["Meta"]["run"] != "2" {
		t.Errorf("node meta after configure: %v", self["Meta"])
	}
}

func TestWipeLosesServices(t *testing.T) {
	t.Parallel()
	cluster := start(t, Options{Clients: 1})
	agent := cluster.Clients()[0]
	register(t, agent, "", "web")
	id := nodeID(t, agent)

	if err := agent.Wipe(); err == nil {
		t.Error("wiped a running process")
	}
	must(t, agent.Kill())
	must(t, agent.Wipe())
	must(t, agent.Restart(t.Context()))
	if got := services(t, agent); got != 0 {
		t.Errorf("%d services after wipe, want 0", got)
	}
	if got := nodeID(t, agent); got != id {
		t.Errorf("node id %s after wipe, want %s", got, id)
	}
	eventually(t, func() error { return inCatalog(cluster.Servers()[0], "", "web") })
}

func TestWipeChangesRandomID(t *testing.T) {
	t.Parallel()
	agent, err := start(t, Options{}).AddClient(t.Context(), Node{RandomID: true})
	must(t, err)
	id := nodeID(t, agent)
	must(t, agent.Restart(t.Context()))
	if got := nodeID(t, agent); got != id {
		t.Errorf("node id %s after restart, want %s", got, id)
	}
	must(t, agent.Kill())
	must(t, agent.Wipe())
	must(t, agent.Launch()) // never gets ready: its name belongs to the old ID
	eventually(t, func() error { _, err := client(t, agent, "").Agent().Self(); return err })
	if got := nodeID(t, agent); got == id {
		t.Errorf("node id %s after wipe, want another", got)
	}
}

func TestPauseAndContinue(t *testing.T) {
	t.Parallel()
	server := start(t, Options{}).Servers()[0]
	must(t, server.Pause())
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	options := (&api.QueryOptions{}).WithContext(ctx)
	if _, err := client(t, server, "").Status().LeaderWithQueryOptions(options); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("paused server: got %v, want %v", err, context.DeadlineExceeded)
	}
	if server.PID() == 0 {
		t.Error("paused server has no pid")
	}
	must(t, server.Continue())
	must(t, server.WaitReady(t.Context()))
}

// memberLeft is how serf numbers the status of a member that has said goodbye.
const memberLeft = 3

func TestTerminate(t *testing.T) {
	t.Parallel()
	cluster := start(t, Options{Clients: 1})
	agent, server := cluster.Clients()[0], client(t, cluster.Servers()[0], "")
	must(t, agent.Pause())
	must(t, agent.Terminate(t.Context()))
	eventually(t, func() error { // the catalog is no witness: see WaitReady
		members, err := server.Agent().Members(false)
		for _, member := range members {
			if member.Name == agent.Name() && member.Status != memberLeft {
				err = fmt.Errorf("member status is %d", member.Status)
			}
		}
		return err
	})
	must(t, agent.Terminate(t.Context()))
	must(t, agent.Restart(t.Context()))
}

// nodeID returns the ID of p's node.
func nodeID(t *testing.T, p *Process) string {
	t.Helper()
	self, err := client(t, p, "").Agent().Self()
	must(t, err)
	return self["Config"]["NodeID"].(string)
}
