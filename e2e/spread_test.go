package e2e

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/k8s-registrar/k8s-registrar/e2e/consulproc"
)

const (
	spreadNodes    = 10
	spreadServices = 40
	spreadCopies   = 3
)

// spreadFlags have nodes come and go faster than an operator would.
func spreadFlags() []string {
	return []string{
		fmt.Sprintf("--spread-copies=%d", spreadCopies), "--telemetry-announce=k8s-registrar", "--spread-settle=5s", "--spread-hold=2s",
	}
}

// TestTenNodesShareServices: ten Consul agents, each with a daemon. A node joins, one is
// taken out and back, a daemon restarts: at no moment that the catalog shows has a service
// fewer passing instances than copies. Then a node dies, and what it had is elsewhere soon.
// Each time the catalog ends with as many instances as copies, and no more.
func TestTenNodesShareServices(t *testing.T) {
	t.Parallel()
	cluster, err := consulproc.Start(t.Context(), consulproc.Options{Clients: spreadNodes})
	must(t, err)
	t.Cleanup(func() { must(t, cluster.Stop()) })
	var nodes []*rig
	for _, process := range cluster.Clients() {
		nodes = append(nodes, newSpreadNode(t, cluster, process))
	}
	nodes[0].fill(spreadServices)
	for _, r := range nodes {
		r.start(spreadFlags()...)
	}
	w := watchCopies(nodes[0])
	eventually(t, w.exact)
	w.mustNotFallBelow(spreadCopies)

	process, err := cluster.AddClient(t.Context(), consulproc.Node{Name: "late"})
	must(t, err)
	late := newSpreadNode(t, cluster, process)
	late.start(spreadFlags()...)
	eventually(t, func() error { return w.holdsSome("late") })
	eventually(t, w.exact)
	w.report("a node joined")

	out := nodes[3]
	share := w.heldBy(out.node.Name())
	out.maintenance("on", append(spreadFlags(), "--reason", "kernel")...)
	eventually(t, func() error { return w.holdsNothing(out.node.Name()) })
	eventually(t, w.exact)
	w.report("a node was taken out")
	out.maintenance("off", spreadFlags()...)
	eventually(t, func() error { return w.holdsSome(out.node.Name()) })
	eventually(t, w.exact)
	w.report("it came back")
	if again := w.heldBy(out.node.Name()); !slices.Equal(share, again) {
		t.Errorf("it holds %v, and before it was taken out %v", again, share)
	}

	before := nodes[5].footprints()
	nodes[5].kill()
	nodes[5].start(spreadFlags()...)
	nodes[5].ready()
	nodes[5].untouched(before)
	w.report("a daemon was restarted")

	w.mustNotFallBelow(spreadCopies - 1) // until the servers know, and the others have heard
	dead := nodes[7]
	share = w.heldBy(dead.node.Name())
	must(t, dead.node.Kill())
	dead.kill()
	eventually(t, func() error { return w.holdsNothing(dead.node.Name()) })
	known := time.Now()
	eventually(t, w.enough)
	t.Logf("%d services of a node that died are elsewhere %v after the servers knew", len(share), time.Since(known).Round(100*time.Millisecond))
	w.report("a node died")
	w.mustNotFallBelow(spreadCopies)
	eventually(t, w.exact)
	w.report("and all was put in order")
}

// newSpreadNode returns a rig on one node of the fleet: all follow one tree as one instance.
func newSpreadNode(t *testing.T, cluster *consulproc.Cluster, process *consulproc.Process) *rig {
	t.Helper()
	r := newRig(t, cluster, process, "spread")
	for i := range spreadServices {
		r.listen(30000 + i)
	}
	return r
}

// copies is who passes what, in one answer of the servers after the other.
type copies struct {
	*rig
	mu      sync.Mutex
	passing map[string][]string // by service: nodes, sorted
	floor   int
	fewest  int
	looks   int
	faults  []string
}

// watchCopies follows all checks in the catalog: one answer is one moment.
func watchCopies(r *rig) *copies {
	w := &copies{rig: r, fewest: spreadNodes}
	var index uint64
	done := make(chan struct{})
	go func() {
		defer close(done)
		for r.Context().Err() == nil {
			query := (&api.QueryOptions{WaitIndex: index, WaitTime: time.Second}).WithContext(r.Context())
			checks, meta, err := r.server.Health().State(api.HealthAny, query)
			if err != nil {
				continue
			}
			index = meta.LastIndex
			w.note(checks)
		}
	}()
	r.Cleanup(func() { <-done })
	return w
}

// note takes in one answer. An instance passes if all its checks do, and those of its node.
func (w *copies) note(checks api.HealthChecks) {
	prefix := "k8s-registrar-" + w.instance + ".shop."
	bad, all := map[string]bool{}, map[string]string{}
	for _, c := range checks {
		if id := c.Node + "/" + c.ServiceID; strings.HasPrefix(c.ServiceID, prefix) {
			all[id] = c.ServiceName
		}
		if c.Status != api.HealthPassing {
			bad[c.Node+"/"+c.ServiceID] = true // without a service it is the node's
		}
	}
	passing := map[string][]string{}
	for id, name := range all {
		node, _, _ := strings.Cut(id, "/")
		if !bad[id] && !bad[node+"/"] {
			passing[name] = append(passing[name], node)
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.passing = passing
	w.looks++
	for i := range spreadServices {
		name := fmt.Sprintf("s%03d", i)
		slices.Sort(passing[name])
		w.fewest = min(w.fewest, len(passing[name]))
		if len(passing[name]) < w.floor {
			w.faults = append(w.faults, fmt.Sprintf("%s passes on %v, want %d nodes", name, passing[name], w.floor))
		}
	}
}

// mustNotFallBelow says how many instances of each service must pass from now on.
func (w *copies) mustNotFallBelow(n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.floor, w.fewest, w.looks = n, spreadNodes, 0
}

// report fails the test if a service had too few.
func (w *copies) report(after string) {
	w.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.Logf("%s: %d answers, at least %d instances passing in each", after, w.looks, w.fewest)
	if len(w.faults) > 0 {
		w.Errorf("%s: %d times a service had too few instances, first: %s", after, len(w.faults), w.faults[0])
	}
	w.faults, w.fewest, w.looks = nil, spreadNodes, 0
}

// enough returns nil if every service passes on as many nodes as it has copies, or more.
func (w *copies) enough() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := range spreadServices {
		if name := fmt.Sprintf("s%03d", i); len(w.passing[name]) < spreadCopies {
			return fmt.Errorf("%s passes on %v, want %d nodes", name, w.passing[name], spreadCopies)
		}
	}
	return nil
}

// exact returns nil if the catalog has as many instances as copies, and all of them pass.
func (w *copies) exact() error {
	if err := w.enough(); err != nil {
		return err
	}
	for i := range spreadServices {
		name := fmt.Sprintf("s%03d", i)
		instances, _, err := w.server.Catalog().Service(name, "", w.query())
		if err != nil {
			return err
		}
		var living []string
		for _, instance := range instances {
			if gone, err := w.dead(instance.Node); err != nil || !gone {
				living = append(living, instance.Node)
			}
		}
		if len(living) != spreadCopies {
			return fmt.Errorf("%s is in the catalog on %v, want %d nodes", name, living, spreadCopies)
		}
	}
	return nil
}

// dead tells whether the servers know that a node is: what they have of it stays for days.
func (w *copies) dead(node string) (bool, error) {
	checks, _, err := w.server.Health().Node(node, w.query())
	if err != nil {
		return false, err
	}
	return slices.ContainsFunc(checks, func(c *api.HealthCheck) bool { return c.CheckID == "serfHealth" && c.Status != api.HealthPassing }), nil
}

// heldBy returns what passes on a node, sorted.
func (w *copies) heldBy(node string) []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var names []string
	for name, nodes := range w.passing {
		if slices.Contains(nodes, node) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func (w *copies) holdsSome(node string) error {
	if len(w.heldBy(node)) == 0 {
		return fmt.Errorf("nothing passes on %s", node)
	}
	return nil
}

func (w *copies) holdsNothing(node string) error {
	if held := w.heldBy(node); len(held) > 0 {
		return fmt.Errorf("%v pass on %s", held, node)
	}
	return nil
}
