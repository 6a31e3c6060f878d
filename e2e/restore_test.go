package e2e

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/k8s-registrar/k8s-registrar/e2e/consulproc"
)

// A snapshot that is restored takes tree and catalog back in time. What the tree does
// not hold yet was not deleted by anybody, and what the catalog lacks comes back.
func TestRestoreRemovesNothing(t *testing.T) {
	t.Parallel()
	r := onOwnCluster(t, "restore", consulproc.Options{})
	early := r.fill(3)
	r.start(often)
	r.announces(early...)
	snapshot, _, err := r.server.Snapshot().Save(r.query())
	must(t, err)
	defer snapshot.Close()
	want := r.fill(6)
	r.announces(want...)
	r.ready()

	must(t, r.server.Snapshot().Restore(r.write(), snapshot))
	restored := time.Now()
	// The catalog may be whole again before anybody can look: what is withheld shows that
	// the servers had lost it.
	eventually(t, func() error { return r.says("one with withheld keys", withheld) })
	t.Logf("%v after the restore the status says what is withheld", time.Since(restored))
	r.settled()
	must(t, r.localHolds(want...))
	r.ready()
	r.announces(want...)
	t.Logf("%v after the restore the catalog was whole", time.Since(restored))

	// Writes take the index past the old one, and still nothing goes.
	for range 30 {
		r.touch("s000")
	}
	r.put("new", 30100, "")
	r.announces(append(want, "new:30100")...)
	r.settled()
	must(t, r.holds(append(want, "new:30100")...))

	// Written again, the keys are as before, and so are their deletions.
	r.fill(6)
	eventually(t, func() error {
		return r.says("free of withheld keys", func(s status) bool { return !withheld(s) })
	})
	r.remove("s005", "new")
	r.announces(want[:5]...)
}

func withheld(s status) bool { return len(s.Waiting) > 0 && s.Waiting[0].Withheld }

// What is in the servers' catalog counts, not what the local agent believes.
func TestCatalogIsRepaired(t *testing.T) {
	t.Parallel()
	r := onSharedNode(t, "catalog")
	want := r.fill(3)
	r.start()
	r.announces(want...)
	r.ready()
	gone := &api.CatalogDeregistration{Node: r.node.Name(), ServiceID: r.id("s001")}
	_, err := r.server.Catalog().Deregister(gone, r.write())
	must(t, err)
	must(t, r.catalogHolds("s000:30000", "s002:30002"))
	took := eventually(t, func() error { return r.holds(want...) })
	t.Logf("a service that was taken out of the catalog was back after %v", took)
}

// A node that came after the snapshot is lost with all of its services, while the tree has
// every key as before: the doorbells at the catalog tell.
func TestRestoreOfTheSameTreeIsMended(t *testing.T) {
	t.Parallel()
	r := onOwnCluster(t, "restoresame", consulproc.Options{})
	want := r.fill(6)
	snapshot, _, err := r.server.Snapshot().Save(r.query())
	must(t, err)
	defer snapshot.Close()
	r.start()
	r.announces(want...)
	r.ready()
	time.Sleep(2 * time.Second) // the doorbells wait again
	noticed := func() bool { return strings.Contains(r.log(), "the Consul servers went back in time") }
	if noticed() {
		t.Error("it notices a restore before there is one")
	}

	must(t, r.server.Snapshot().Restore(r.write(), snapshot))
	restored := time.Now()
	// Consul's agent may be first to bring the services back; that it was noticed counts.
	eventually(t, func() error {
		if !noticed() {
			return errors.New("the daemon has not noticed")
		}
		return nil
	})
	t.Logf("%v after the restore the daemon says so", time.Since(restored))
	r.announces(want...)
	t.Logf("%v after the restore the catalog was whole", time.Since(restored))
}
