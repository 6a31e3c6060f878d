package e2e

import (
	"errors"
	"fmt"
	"testing"

	"github.com/k8s-registrar/k8s-registrar/e2e/consulproc"
)

// maintenance runs the command and waits for the catalog.
func (r *rig) maintenance(way string, flags ...string) (output string) {
	r.Helper()
	stdout, stderr, code := r.once("maintenance "+way, append(flags, "--wait")...)
	if code != 0 {
		r.Fatalf("maintenance %s ended with %d:\n%s%s", way, code, stdout, stderr)
	}
	return stdout
}

// passing returns nil if the servers list just these services as passing on the node.
func (r *rig) passing(want ...string) error {
	services, err := r.catalogServices()
	must(r, err)
	for id, s := range services {
		instances, _, err := r.server.Health().Service(s.Service, "", true, r.query())
		must(r, err)
		here := false
		for _, instance := range instances {
			here = here || instance.Node.Node == r.node.Name() && instance.Service.ID == id
		}
		if !here {
			delete(services, id)
		}
	}
	return differ("what passes", want, services)
}

// A node goes out and stays out: over a restart of the daemon and of Consul's agent, and
// with what is added meanwhile. An operator's own maintenance mode stays to the end.
func TestMaintenance(t *testing.T) {
	t.Parallel()
	r := onOwnNode(t, "maintained", consulproc.Node{})
	r.listen(30000, 30001, 30002, 30003)
	r.fill(3)
	r.start(often)
	eventually(t, func() error { return r.passing("s000:30000", "s001:30001", "s002:30002") })
	must(t, r.local.Agent().EnableServiceMaintenance(r.id("s002"), "disk"))

	r.maintenance("on", "--reason", "kernel")
	must(t, r.passing())
	r.stop()
	must(t, r.node.Restart(t.Context()))
	r.start(often)
	r.put("s003", 30003, "new")
	eventually(t, func() error { _, err := r.catalogMark("s003"); return err })
	r.put("s000", 30000, "changed")
	r.settled()
	r.settled()
	must(t, r.passing())
	must(t, r.says("in maintenance, and why", func(s status) bool {
		return s.Maintenance != nil && s.Maintenance.Reason == "kernel" && !s.Maintenance.Since.IsZero() && s.Services[0].Check == "maintenance"
	}))
	before, sent := r.footprints(), r.changes()
	r.settled()
	r.untouched(before)
	if n := r.changes() - sent; n != 0 {
		t.Errorf("%v changes in maintenance without a reason", n)
	}

	r.maintenance("off")
	eventually(t, func() error { return r.passing("s000:30000", "s001:30001", "s003:30003") })
	r.settled()
	must(t, r.passing("s000:30000", "s001:30001", "s003:30003"))
	must(t, r.says("out of maintenance", func(s status) bool { return s.Maintenance == nil }))
	if mark, err := r.catalogMark("s002"); err != nil || mark != "disk" {
		t.Errorf("the operator's own: %q, %v", mark, err)
	}
}

// catalogMark returns why a service is in maintenance mode.
func (r *rig) catalogMark(service string) (string, error) {
	query := r.query()
	query.Filter = fmt.Sprintf("CheckID == %q", "_service_maintenance:"+r.id(service))
	checks, _, err := r.server.Health().Node(r.node.Name(), query)
	if err != nil {
		return "", err
	}
	if len(checks) == 0 {
		return "", errors.New(service + " is not in maintenance mode")
	}
	return checks[0].Notes, nil
}

// What on_stop says is done, and the next start undoes it.
func TestOnStop(t *testing.T) {
	t.Parallel()
	for how, left := range map[string]int{"maintenance": 40, "deregister": 0} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			r := onOwnNode(t, "stops-"+how, consulproc.Node{})
			want := r.fill(40)
			for i := range 40 {
				r.listen(30000 + i)
			}
			r.start("--on-stop", how, "--telemetry-announce", "registrar")
			eventually(t, func() error { return r.passing(want...) })
			eventually(t, func() error { return r.itself(1) })
			r.stop()
			eventually(t, func() error { return r.passing() })
			services, err := r.localServices()
			must(t, err)
			if len(services) != left {
				t.Errorf("%d services on the agent, want %d", len(services), left)
			}
			must(t, r.itself(min(1, left)))
			r.start()
			eventually(t, func() error { return r.passing(want...) })
		})
	}
}

// itself returns nil if the agent holds the daemon's own service so many times.
func (r *rig) itself(want int) error {
	own, err := r.local.Agent().ServicesWithFilterOpts(`Service == "registrar"`, r.query())
	if err == nil && len(own) != want {
		err = fmt.Errorf("the daemon itself is announced %d times, want %d", len(own), want)
	}
	return err
}

// Nothing of ours is left, and nothing else is touched.
func TestPurge(t *testing.T) {
	t.Parallel()
	r := onOwnNode(t, "purged", consulproc.Node{Config: map[string]any{
		"services": []map[string]any{{"id": "cart", "name": "cart", "port": 1}},
	}})
	want := r.fill(30)
	r.start()
	r.announces(want...)
	if _, stderr, code := r.once("purge", "--yes"); code != 1 {
		t.Errorf("purge beside a daemon ended with %d: %s", code, stderr)
	}
	must(t, r.holds(want...))
	r.stop()
	r.maintenance("on")
	if _, stderr, code := r.once("purge", "--yes", "--wait"); code != 0 {
		t.Errorf("purge ended with %d: %s", code, stderr)
	}
	must(t, r.holds())
	services, err := inCatalog(r.server, r.node.Name(), r.query())
	must(t, err)
	if len(services) != 1 || services["cart"] == nil {
		t.Errorf("the catalog has %v", services)
	}
}
