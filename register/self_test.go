package register_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/consul/api"

	"github.com/k8s-registrar/k8s-registrar/register"
)

const selfID = "k8s-registrar_default"

var self = register.Self{Name: "k8s-registrar", Port: 28500, Dial: "10.0.0.1"}

func (r *rig) announce(self register.Self, want bool) {
	r.Helper()
	if sent, err := r.local.Announce(r.Context(), self); err != nil || sent != want {
		r.Errorf("announced: %v, %v, want %v", sent, err, want)
	}
}

// TestSelfIsAnnouncedOnce, and again for each difference, and for what others have done to it.
func TestSelfIsAnnouncedOnce(t *testing.T) {
	bubble(t, func(r *rig) {
		r.announce(self, true)
		r.announce(self, false)
		got := r.consul.Services()[selfID]
		if got.Service != "k8s-registrar" || got.Port != 28500 || got.Address != "" || got.Meta["scheme"] != "http" {
			t.Errorf("the service is %+v", got)
		}
		for name, change := range map[string]func(*register.Self){
			"name":    func(s *register.Self) { s.Name = "registrar" },
			"address": func(s *register.Self) { s.Address = "127.0.0.1" },
			"port":    func(s *register.Self) { s.Port++ },
			"dial":    func(s *register.Self) { s.Dial = "10.0.0.2" },
			"TLS":     func(s *register.Self) { s.TLS = true },
			"guarded": func(s *register.Self) { s.Guarded = true },
			"token":   func(s *register.Self) { s.Token = "x" },

			"node in maintenance": func(s *register.Self) { s.Draining = true },
		} {
			other := self
			change(&other)
			if sent, err := r.local.Announce(r.Context(), other); err != nil || !sent {
				t.Errorf("another %s: sent %v, %v", name, sent, err)
			}
			r.announce(other, false)
		}
		r.announce(self, true)
		if err := r.consul.Operator().Agent().CheckDeregister(selfID + ".alive"); err != nil {
			t.Fatal(err)
		}
		r.announce(self, true)
		if err := r.consul.Operator().Agent().ServiceDeregister(selfID); err != nil {
			t.Fatal(err)
		}
		r.announce(self, true)
	})
}

// TestSelfIsNoServiceOfTheTree: a plan neither counts nor touches it, whatever is desired.
func TestSelfIsNoServiceOfTheTree(t *testing.T) {
	bubble(t, func(r *rig) {
		r.announce(self, true)
		actual := r.actual()
		if len(actual.Ours) != 0 || len(actual.Taken) != 0 {
			t.Errorf("it is taken for a service of the tree: %+v", actual)
		}
		if plan := register.Diff(register.Desired{}, actual); !plan.Empty() {
			t.Errorf("the plan is\n%v", plan)
		}
	})
}

// TestSelfHasACheckThatCanPass, with and without TLS, and where it only may connect.
func TestSelfHasACheckThatCanPass(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(*register.Self)
		want   string
	}{
		"plain":            {func(*register.Self) {}, "http"},
		"TLS":              {func(s *register.Self) { s.TLS = true }, "http"},
		"guarded":          {func(s *register.Self) { s.Guarded = true }, "tcp"},
		"guarded with TLS": {func(s *register.Self) { s.TLS, s.Guarded = true, true }, "tcp"},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(r *rig) {
				other := self
				tt.change(&other)
				r.announce(other, true)
				check := r.consul.Checks()[selfID+".alive"]
				if check.Type != tt.want || check.Status != api.HealthPassing {
					t.Errorf("the check is %+v", check)
				}
			})
		})
	}
}

func TestSelfIsWithdrawn(t *testing.T) {
	bubble(t, func(r *rig) {
		if was, err := r.local.Withdraw(r.Context()); was || err != nil {
			t.Errorf("nothing is there: %v, %v", was, err)
		}
		if n := len(r.consul.Writes()); n != 0 {
			t.Errorf("%d writes to remove nothing", n)
		}
		r.announce(self, true)
		if was, err := r.local.Withdraw(r.Context()); !was || err != nil {
			t.Errorf("it is there: %v, %v", was, err)
		}
		if there, err := r.local.Announced(r.Context()); there || err != nil {
			t.Errorf("it is still there: %v, %v", there, err)
		}
	})
}

// TestSelfOfSomebodyElse is never touched.
func TestSelfOfSomebodyElse(t *testing.T) {
	bubble(t, func(r *rig) {
		foreign := &api.AgentServiceRegistration{ID: selfID, Name: "foreign"}
		if err := r.consul.Operator().Agent().ServiceRegister(foreign); err != nil {
			t.Fatal(err)
		}
		before := r.consul.Services()
		if _, err := r.local.Announce(r.Context(), self); !errors.Is(err, register.ErrTaken) {
			t.Errorf("announce: %v", err)
		}
		if _, err := r.local.Withdraw(r.Context()); !errors.Is(err, register.ErrTaken) {
			t.Errorf("withdraw: %v", err)
		}
		if diff := cmp.Diff(before, r.consul.Services()); diff != "" {
			t.Error(diff)
		}
	})
}
