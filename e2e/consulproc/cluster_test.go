package consulproc

import (
	"errors"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/hashicorp/consul/api"
)

func TestServerAnswersKV(t *testing.T) {
	t.Parallel()
	server := start(t, Options{}).Servers()[0]
	kv := client(t, server, "").KV()
	_, err := kv.Put(&api.KVPair{Key: "a/b", Value: []byte("c")}, nil)
	must(t, err)
	pair, _, err := kv.Get("a/b", nil)
	must(t, err)
	if pair == nil || string(pair.Value) != "c" {
		t.Errorf("got %v, want c", pair)
	}
}

func TestClientsRegister(t *testing.T) {
	t.Parallel()
	cluster := start(t, Options{Clients: 1})
	added, err := cluster.AddClient(t.Context(), Node{
		Name:   "edge",
		Config: map[string]any{"node_meta": map[string]any{"rack": "r1"}},
	})
	must(t, err)
	register(t, cluster.Clients()[0], "", "web")
	must(t, inCatalog(cluster.Servers()[0], "", "web", "client-1"))
	register(t, added, "", "mail")
	must(t, inCatalog(cluster.Servers()[0], "", "mail", "edge"))

	node, _, err := client(t, added, "").Catalog().Node("edge", nil)
	must(t, err)
	if node.Node.Address != added.Address() || node.Node.Meta["rack"] != "r1" {
		t.Errorf("node is %+v, want address %s and rack r1", node.Node, added.Address())
	}
}

func TestThreeServersSurviveKill(t *testing.T) {
	t.Parallel()
	cluster := start(t, Options{Servers: 3})
	leader, others := splitLeader(t, cluster)
	must(t, leader.Kill())
	eventually(t, func() error {
		_, err := client(t, others[0], "").KV().Put(&api.KVPair{Key: "k", Value: []byte("v")}, nil)
		return err
	})
	must(t, leader.Restart(t.Context()))
	eventually(t, func() error {
		pair, _, err := client(t, leader, "").KV().Get("k", &api.QueryOptions{AllowStale: true})
		if err == nil && pair == nil {
			err = errors.New("the restarted server lacks the key")
		}
		return err
	})
}

// splitLeader returns the leader of the cluster and the other servers.
func splitLeader(t *testing.T, cluster *Cluster) (leader *Process, others []*Process) {
	t.Helper()
	addr, err := client(t, cluster.Servers()[0], "").Status().Leader()
	must(t, err)
	for _, server := range cluster.Servers() {
		if addr == join(server.Address(), serverPort) {
			leader = server
		} else {
			others = append(others, server)
		}
	}
	if leader == nil {
		t.Fatalf("leader %s is none of ours", addr)
	}
	return leader, others
}

func TestStopLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	cluster, err := Start(t.Context(), Options{Clients: 1})
	must(t, err)
	server, pid := cluster.Servers()[0], cluster.Servers()[0].PID()
	must(t, cluster.Clients()[0].Pause())
	must(t, cluster.Stop())
	must(t, cluster.Stop())

	if syscall.Kill(pid, 0) == nil || server.PID() != 0 {
		t.Errorf("process %d is alive", pid)
	}
	wantEmpty(t, dir)
	if err := portsFree(server.Address()); err != nil {
		t.Error(err)
	}
	if err := server.Restart(t.Context()); !errors.Is(err, errStopped) {
		t.Errorf("restart after stop: got %v, want %v", err, errStopped)
	}
}

func TestStartTellsWhyItFailed(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	_, err := Start(t.Context(), Options{ServerConfig: map[string]any{"no_such_key": 1}})
	if err == nil || !strings.Contains(err.Error(), "no_such_key") {
		t.Errorf("got %v, want what Consul says about no_such_key", err)
	}
	wantEmpty(t, dir)
}

// wantEmpty fails the test if there is anything in dir.
func wantEmpty(t *testing.T, dir string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	must(t, err)
	if len(entries) > 0 {
		t.Errorf("%s holds %v", dir, entries)
	}
}
