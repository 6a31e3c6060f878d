package agent

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/k8s-registrar/k8s-registrar/register"
	"github.com/k8s-registrar/k8s-registrar/register/consultest"
)

// A node in maintenance says so, and its services are not counted as critical: nobody is
// to be woken for what was done on purpose.
func TestMaintenanceIsShown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := consultest.New()
		fill(c, 3)
		r := start(t, c)
		r.after(5 * time.Second)
		if err := c.Client().Agent().EnableServiceMaintenance("k8s-registrar-default.shop.s002.http", "disk"); err != nil {
			t.Fatal(err)
		}
		r.after(time.Minute)
		if got := r.status(); got.Maintenance != nil || got.Checks()["maintenance"] != 1 || got.Services[2].Output != "disk" {
			t.Errorf("one service is out: %+v %v %q", got.Maintenance, got.Checks(), got.Services[2].Output)
		}

		local := register.NewLocal(c.Client(), register.Owner{Instance: "default"})
		if err := local.Mark(t.Context(), register.ByCommand.Mark("kernel")); err != nil {
			t.Fatal(err)
		}
		r.after(5 * time.Minute)
		const want = "in maintenance for 5 min: kernel; 3 services announced, 3 in maintenance"
		if got := r.status().Sentence(); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
		const counted = `
# HELP k8s_registrar_maintenance 1 while k8s-registrar maintenance has taken this node out of the load balancers.
# TYPE k8s_registrar_maintenance gauge
k8s_registrar_maintenance 1
# HELP k8s_registrar_registered_services Services of ours on the local agent as of the last comparison, by the status of their checks.
# TYPE k8s_registrar_registered_services gauge
k8s_registrar_registered_services{status="critical"} 0
k8s_registrar_registered_services{status="maintenance"} 3
k8s_registrar_registered_services{status="passing"} 0
k8s_registrar_registered_services{status="warning"} 0
`
		if err := testutil.GatherAndCompare(r.agent.registry, strings.NewReader(counted), "k8s_registrar_maintenance", "k8s_registrar_registered_services"); err != nil {
			t.Error(err)
		}

		if err := local.Unmark(t.Context()); err != nil {
			t.Fatal(err)
		}
		r.after(time.Minute)
		if got := r.status(); got.Maintenance != nil || got.Checks()["maintenance"] != 1 {
			t.Errorf("back, but for what an operator took out: %+v %v", got.Maintenance, got.Checks())
		}
	})
}

func TestMaintenanceWords(t *testing.T) {
	now := time.Now()
	for want, m := range map[string]*MaintenanceStatus{
		"":                                    nil,
		"in maintenance for 3 min: disk":      {Since: now.Add(-3 * time.Minute), Reason: "disk"},
		"in maintenance: no reason was given": {},
	} {
		if got := (Status{Time: now, Maintenance: m}).MaintenanceWords(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
