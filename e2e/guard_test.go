package e2e

import (
	"fmt"
	"strings"
	"testing"
)

// Half of the services gone at once waits for a human, and is plain to see.
func TestBigRemovalsWait(t *testing.T) {
	t.Parallel()
	r := onSharedNode(t, "guard")
	want := append(r.loseHalf(), "new:30500") // additions do not wait
	r.put("new", 30500, "")
	r.announces(want...)
	r.settled()
	must(t, r.holds(want...))
	r.ready()
	if held, err := r.metric("k8s_registrar_pending_removals"); err != nil || held != 15 {
		t.Errorf("%v pending removals, %v", held, err)
	}
	stdout, stderr, code := r.once("plan", "--exit-code")
	if code != 5 || strings.Count(stdout, "! hold") != 15 {
		t.Errorf("plan --exit-code ended with %d, want 5\n%s%s", code, stdout, stderr)
	}

	r.stop()
	r.start("--guard-allow-removals")
	r.announces(want[15:]...)
	if stdout, _, code := r.once("plan", "--exit-code"); code != 0 {
		t.Errorf("plan --exit-code ended with %d, want 0\n%s", code, stdout)
	}
}

// A human's word is heard without a restart, on a node that is never at rest too.
func TestBigRemovalsAreApproved(t *testing.T) {
	t.Parallel()
	r := onSharedNode(t, "approved")
	want := r.loseHalf()
	s, err := r.status()
	must(t, err)
	if stdout, stderr, code := r.once("approve", s.Waiting[0].Hash); code != 0 {
		t.Fatalf("approve ended with %d\n%s%s", code, stdout, stderr)
	}
	took := eventually(t, func() error { return r.holds(want[15:]...) })
	t.Logf("removed %v after the approval", took)
}

// loseHalf runs the daemon with 30 services, 15 of which are gone from the tree and
// wait. It returns all of them.
func (r *rig) loseHalf() []string {
	r.Helper()
	all := r.fill(30)
	r.start(often)
	r.announces(all...)
	r.stop() // so that the next run sees all deletions at once
	for i := range 15 {
		r.remove(fmt.Sprintf("s%03d", i))
	}
	r.start(often)
	eventually(r, func() error {
		return r.says("one with 15 removals that wait", func(s status) bool {
			return len(s.Waiting) == 1 && len(s.Waiting[0].Keys) == 15 && s.Waiting[0].Why != "" && !s.Waiting[0].Withheld
		})
	})
	return all
}
