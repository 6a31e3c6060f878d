package register_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/k8s-registrar/k8s-registrar/kvschema"
	"github.com/k8s-registrar/k8s-registrar/register"
	"github.com/k8s-registrar/k8s-registrar/register/consultest"
)

const (
	cartID  = prefix + "shop.cart.http"
	webID   = prefix + "shop.web.http"
	maintOf = "_service_maintenance:"
	marker  = prefix + "maintenance"
)

// inMaintenance are the marks of the services of ours that are in maintenance mode.
func (r *rig) inMaintenance() map[string]string {
	marks := map[string]string{}
	for id, s := range r.consul.Services() {
		if check, on := r.consul.Checks()[maintOf+id]; on && s.Service != register.MarkerName {
			marks[s.Service] = check.Notes
		}
	}
	return marks
}

// maintain is what the loop does in a pass.
func (r *rig) maintain(services ...kvschema.Service) register.Report {
	r.Helper()
	actual := r.actual()
	plan := register.Diff(desired(r, services...), actual).Maintain(actual.Standing(), actual)
	return r.local.Apply(r.Context(), plan, nil)
}

// TestMarks has what is ours to end, and what is an operator's.
func TestMarks(t *testing.T) {
	for _, tt := range []struct {
		mark          register.Mark
		command, stop bool
	}{
		{register.ByCommand.Mark(""), true, false},
		{register.ByCommand.Mark("kernel"), true, false},
		{register.ByStop.Mark(""), false, true},
		{"", false, false},
		{"kernel", false, false},
		{"k8s-registrar maintenance by hand", false, false},
		{"Maintenance mode is enabled for this service", false, false},
	} {
		equal(t, []bool{tt.command, tt.stop}, []bool{tt.mark.Is(register.ByCommand), tt.mark.Is(register.ByStop)})
	}
}

// TestMaintain has what the standing order makes of a service, by whether the marker is
// there and by what maintenance mode the service is in.
func TestMaintain(t *testing.T) {
	const kernel = "k8s-registrar maintenance: kernel"
	for _, tt := range []struct {
		what   string
		marker register.Mark
		unsure bool
		notes  string // of the service's maintenance mode; "-" for none
		want   string // the change
	}{
		{"off, in none", "", false, "-", ""},
		{"off, by command", "", false, kernel, "maintenance: - " + kernel},
		{"off, by a stop", "", false, "k8s-registrar stopped", "maintenance: - k8s-registrar stopped"},
		{"off, by an operator", "", false, "disk", ""},
		{"unsure, by command", "", true, kernel, ""},
		{"unsure, by a stop", "", true, "k8s-registrar stopped", "maintenance: - k8s-registrar stopped"},
		{"on, in none", kernel, false, "-", "maintenance: + " + kernel},
		{"on, by command", kernel, false, kernel, ""},
		{"on, by a stop", kernel, false, "k8s-registrar stopped", ""},
		{"on, by an operator", kernel, false, "disk", ""},
	} {
		t.Run(tt.what, func(t *testing.T) {
			cart := service("shop/cart", 30001)
			have := shown(registration(t, cart))
			if tt.notes != "-" {
				have.Checks = have.Checks.With(register.Check{ID: maintOf + cartID, Notes: tt.notes, Status: "critical"})
			}
			a := actual(have)
			a.Marker, a.Unsure = tt.marker, tt.unsure
			plan := register.Diff(desired(t, cart), a).Maintain(a.Standing(), a)
			var got string
			for _, step := range plan.Steps {
				equal(t, register.Update, step.Action)
				for _, change := range step.Changes {
					got += change.String()
				}
			}
			equal(t, tt.want, got)
		})
	}
}

// TestMaintenanceOfTheNode: on takes all out, what is added later too, and off puts them
// back. An operator's own mode stays, and nothing is registered again for it.
func TestMaintenanceOfTheNode(t *testing.T) {
	bubble(t, func(r *rig) {
		cart, web, dns := service("shop/cart", 30001), service("shop/web", 30002), service("shop/dns", 30053, withProtocol("UDP"))
		r.converge(cart, dns)
		if err := r.consul.Operator().Agent().EnableServiceMaintenance(prefix+"shop.dns.http", "disk"); err != nil {
			r.Fatal(err)
		}
		registered := r.count(registerCall)
		mark := register.ByCommand.Mark("kernel")
		equal(r, nil, r.local.Mark(r.Context(), mark))
		equal(r, nil, r.local.Mark(r.Context(), register.ByCommand.Mark("another")))
		equal(r, registered+1, r.count(registerCall)) // the marker
		equal(r, []string{"update shop.cart.http"}, said(r.maintain(cart, dns)))
		equal(r, registered+1, r.count(registerCall))
		equal(r, map[string]string{"cart": string(mark), "dns": "disk"}, r.inMaintenance())

		// One that is added while it is on, and one that changes.
		moved := service("shop/cart", 30011)
		equal(r, []string{"add shop.web.http", "update shop.cart.http"}, said(r.maintain(moved, web, dns)))
		equal(r, map[string]string{"cart": string(mark), "dns": "disk", "web": string(mark)}, r.inMaintenance())
		equal(r, []string(nil), said(r.maintain(moved, web, dns)))

		equal(r, nil, r.local.Unmark(r.Context()))
		equal(r, nil, r.local.Unmark(r.Context()))
		equal(r, []string{"update shop.cart.http", "update shop.web.http"}, said(r.maintain(moved, web, dns)))
		equal(r, map[string]string{"dns": "disk"}, r.inMaintenance())
		r.holds("cart:30011", "dns:30053", "web:30002")
	})
}

// TestNodeWithoutServicesCanBeMarked, which is what the marker is for.
func TestNodeWithoutServicesCanBeMarked(t *testing.T) {
	bubble(t, func(r *rig) {
		mark := register.ByCommand.Mark("")
		equal(r, nil, r.local.Mark(r.Context(), mark))
		r.consul.Down()
		r.consul.Up()
		equal(r, mark, r.actual().Marker)
		r.maintain(service("shop/cart", 30001))
		equal(r, map[string]string{"cart": string(mark)}, r.inMaintenance())
		equal(r, nil, r.local.Mark(r.Context(), mark)) // completes what is there already
		if check, on := r.consul.Checks()[maintOf+marker]; !on || check.Notes != string(mark) {
			r.Errorf("the marker's own maintenance mode: %+v", check)
		}
	})
}

// TestNewServiceIsNeverPassingInMaintenance, not even between the two calls that it
// takes: the port is alive, and initial_status is passing.
func TestNewServiceIsNeverPassingInMaintenance(t *testing.T) {
	bubble(t, func(r *rig) {
		equal(r, nil, r.local.Mark(r.Context(), register.ByCommand.Mark("")))
		r.consul.Fault(func(request *http.Request) *consultest.Fault {
			if request.URL.Path != "/v1/agent/service/maintenance/"+cartID {
				return nil
			}
			equal(r, api.HealthCritical, r.consul.Checks()[cartID+".tcp"].Status)
			return &consultest.Fault{Status: http.StatusInternalServerError}
		})
		equal(r, []string{"add shop.cart.http: 500"}, said(r.maintain(service("shop/cart", 30001))))
		r.consul.Fault(nil)
		equal(r, []string{"update shop.cart.http"}, said(r.maintain(service("shop/cart", 30001))))
		equal(r, 1, len(r.inMaintenance()))
	})
}

// TestHiddenMarkerStaysInForce: who cannot see the marker lifts nothing.
func TestHiddenMarkerStaysInForce(t *testing.T) {
	bubble(t, func(r *rig) {
		cart := service("shop/cart", 30001)
		r.converge(cart)
		mark := register.ByCommand.Mark("kernel")
		equal(r, nil, r.local.Mark(r.Context(), mark))
		r.maintain(cart)
		r.consul.DenyByDefault()
		r.consul.Grant("secret", consultest.Rules{Service: map[string]string{"cart": "write", "web": "write"}})
		r.local = register.NewLocal(r.consul.ClientWithToken("secret"), owner)
		equal(r, register.Mark(""), r.actual().Marker)
		equal(r, []string(nil), said(r.maintain(cart)))
		equal(r, map[string]string{"cart": string(mark)}, r.inMaintenance())

		if err := r.consul.Operator().Agent().ServiceDeregister(marker); err != nil {
			r.Fatal(err)
		}
		equal(r, []string{"update shop.cart.http"}, said(r.maintain(cart)))
	})
}

// TestAfterMaintenance: what is shown is what the agent holds.
func TestAfterMaintenance(t *testing.T) {
	bubble(t, func(r *rig) {
		cart, web := service("shop/cart", 30001), service("shop/web", 30002)
		r.converge(cart)
		for _, do := range []func() error{
			func() error { return r.local.Mark(r.Context(), register.ByCommand.Mark("")) },
			func() error { return r.local.Unmark(r.Context()) },
		} {
			equal(r, nil, do())
			before := r.actual()
			plan := register.Diff(desired(r, cart, web), before).Maintain(before.Standing(), before)
			after := before.After(r.local.Apply(r.Context(), plan, nil))
			now := r.actual()
			for id, have := range now.Ours {
				_, on := have.Maintenance()
				_, said := after.Ours[id].Maintenance()
				equal(r, on, said)
			}
		}
	})
}

// TestMarkerIsNoService: it is no removal, no ghost and in nobody's way; and a service
// of somebody else with its ID is not changed.
func TestMarkerIsNoService(t *testing.T) {
	bubble(t, func(r *rig) {
		equal(r, nil, r.local.Mark(r.Context(), register.ByCommand.Mark("")))
		equal(r, []*register.Step(nil), r.plan().Steps)
		catalog, err := r.local.Cataloged(r.Context(), register.Node{Name: consultest.NodeName}, register.Desired{}, true)
		equal(r, nil, err)
		equal(r, 0, len(register.Diverge(desired(r), r.actual(), catalog)))

		equal(r, nil, r.local.Unmark(r.Context()))
		if err := r.consul.Operator().Agent().ServiceRegister(&api.AgentServiceRegistration{ID: marker, Name: "mine"}); err != nil {
			r.Fatal(err)
		}
		if err := r.local.Mark(r.Context(), register.ByCommand.Mark("")); err == nil {
			r.Error("a service of somebody else was overwritten")
		}
		equal(r, nil, r.local.Unmark(r.Context()))
		r.holds("mine:0")
	})
}

// TestMarkerSaysSinceWhen and does not begin anew when the node is marked once more.
func TestMarkerSaysSinceWhen(t *testing.T) {
	bubble(t, func(r *rig) {
		began := time.Now()
		equal(r, nil, r.local.Mark(r.Context(), register.ByCommand.Mark("kernel")))
		time.Sleep(time.Hour)
		equal(r, nil, r.local.Mark(r.Context(), register.ByCommand.Mark("other")))
		actual := r.actual()
		equal(r, true, actual.Since.Equal(began.Truncate(time.Second)))
		equal(r, "kernel", actual.Marker.Reason())
		equal(r, nil, r.local.Unmark(r.Context()))
		equal(r, true, r.actual().Since.IsZero())
	})
}

func TestReasonOfMark(t *testing.T) {
	for mark, want := range map[register.Mark]string{
		register.ByCommand.Mark("a: b"): "a: b",
		register.ByCommand.Mark(""):     "",
		register.ByStop.Mark("x"):       "x",
		"k8s-registrar maintenances":    "k8s-registrar maintenances",
		"disk":                          "disk",
	} {
		equal(t, want, mark.Reason())
	}
}
