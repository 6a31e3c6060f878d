package e2e

import (
	"testing"
	"time"

	"github.com/k8s-registrar/k8s-registrar/e2e/consulproc"
)

// 500 services: the program that this one replaces died of a hundred.
func TestManyServices(t *testing.T) {
	t.Parallel()
	r := onOwnNode(t, "many", consulproc.Node{})
	start := time.Now()
	want := r.fill(500)
	r.start("--guard-allow-removals", "--check-interval=10s")
	r.announces(want...)
	t.Logf("all of %d services were in the catalog after %v", len(want), time.Since(start))

	r.put("s250", 31250, "changed")
	want[250] = "s250:31250"
	took := eventually(t, func() error { return r.holds(want...) })
	t.Logf("a change was in the catalog after %v", took)
	r.ready()

	start = time.Now()
	_, err := r.server.KV().DeleteTree(r.keyPath+"/deployments/", r.write())
	must(t, err)
	r.announces()
	t.Logf("all were gone after %v", time.Since(start))
}
