package e2e

import (
	"fmt"
	"testing"
	"time"

	"github.com/k8s-registrar/k8s-registrar/e2e/consulproc"
)

// An agent that comes back with its data is not written to: registering again would
// repair nothing and restart every check.
func TestConsulAgentRestarts(t *testing.T) {
	t.Parallel()
	r := onOwnNode(t, "whole", consulproc.Node{})
	want := r.fill(20)
	r.start(often)
	r.announces(want...)
	r.ready()
	before, sent := r.footprints(), r.changes()

	must(t, r.node.Kill())
	r.notReady("the last comparison failed")
	must(t, r.node.Launch())
	took := eventually(t, r.isReady)
	t.Logf("ready %v after the agent was started again", took)
	r.announces(want...)
	r.settled()
	r.untouched(before)
	if again := r.changes(); again != sent {
		t.Errorf("%v changes for an agent that had lost nothing", again-sent)
	}
}

// An agent that has lost its data holds everything again as soon as it answers, and
// not only when the next comparison is due.
func TestConsulAgentLosesItsData(t *testing.T) {
	t.Parallel()
	r := onOwnNode(t, "wiped", consulproc.Node{})
	want := r.fill(20)
	r.start() // a comparison is due each 45 s
	r.announces(want...)
	r.ready()

	must(t, r.node.Kill())
	must(t, r.node.Wipe())
	must(t, r.node.Launch())
	eventually(t, func() error { _, err := r.localServices(); return err })
	answers := time.Now()
	must(t, r.node.WaitReady(t.Context()))
	member := time.Since(answers)
	r.announces(want...)
	whole := time.Since(answers)
	t.Logf("from the agent's first answer: member of the cluster after %v, whole after %v", member, whole)
	if whole > 30*time.Second {
		t.Errorf("the node was whole after %v: the timer found what the doorbell should have told", whole)
	}
	r.ready()
}

// The daemon starts before Consul, says so once, and needs no restart.
func TestConsulIsAwayAtTheStart(t *testing.T) {
	t.Parallel()
	r := onOwnNode(t, "away", consulproc.Node{})
	want := r.fill(3)
	must(t, r.node.Kill())
	r.start()
	r.notReady("the tree was never known")
	eventually(t, func() error {
		failures, err := r.metric(`k8s_registrar_kv_errors_total{reason="unreachable"}`)
		if err == nil && failures < 5 {
			err = fmt.Errorf("%v failures, want 5", failures)
		}
		return err
	})
	if n := r.count("[WARN]") + r.count("[ERROR]"); n != 1 {
		t.Errorf("%d warnings about one absence", n)
	}
	must(t, r.node.Launch())
	took := eventually(t, r.isReady)
	t.Logf("ready %v after the agent was started", took)
	r.announces(want...)
}

// Stopping does not wait for an agent that hangs, whatever is under way.
func TestStopsWhileConsulHangs(t *testing.T) {
	t.Parallel()
	for name, until := range map[string]func(*rig) error{
		"idle":        func(r *rig) error { return r.isReady() },
		"registering": func(r *rig) error { return r.holdsAtLeast(20) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := onOwnNode(t, "hangs-"+name, consulproc.Node{})
			r.fill(200)
			r.start()
			eventually(t, func() error { return until(r) })
			must(t, r.node.Pause())
			if _, err := r.status(); err != nil {
				t.Errorf("the status depends on Consul: %v", err)
			}
			start := time.Now()
			r.stop()
			t.Logf("stopped within %v", time.Since(start))
			must(t, r.node.Continue())
		})
	}
}

// A request that Consul never answers ends, and the daemon goes on.
func TestConsulAgentHangsForAWhile(t *testing.T) {
	t.Parallel()
	r := onOwnNode(t, "pause", consulproc.Node{})
	want := r.fill(3)
	r.start(often)
	r.announces(want...)
	r.ready()
	must(t, r.node.Pause())
	r.notReady("the last comparison failed")
	must(t, r.node.Continue())
	r.put("s003", 30003, "")
	r.announces(append(want, "s003:30003")...)
	r.ready()
	if n := r.count("action=remove"); n > 0 {
		t.Errorf("%d services were removed", n)
	}
}
