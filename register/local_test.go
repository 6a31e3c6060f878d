package register_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/hashicorp/consul/api"

	"github.com/k8s-registrar/k8s-registrar/register"
	"github.com/k8s-registrar/k8s-registrar/register/consultest"
)

func TestNode(t *testing.T) {
	at := func(address string) register.Node {
		meta := map[string]string{"consul-network-segment": "", "consul-version": "1.22.0"}
		return register.Node{Name: "web-1", Meta: meta}.At(netip.MustParseAddr(address))
	}
	for _, tt := range []struct {
		what          string
		name, address string
		want          register.Node
		err           string
	}{
		{"IPv4", "web-1", "10.1.2.3", at("10.1.2.3"), ""},
		{"IPv6", "web-1", "fd00::7", at("fd00::7"), ""},
		{"no name", "", "10.1.2.3", register.Node{}, "read node from agent: the answer names no node"},
		{"no address", "web-1", "", register.Node{}, "read node from agent: advertise address: ParseAddr"},
		{"host name", "web-1", "web-1.example.com", register.Node{}, "read node from agent: advertise address: ParseAddr"},
	} {
		t.Run(tt.what, func(t *testing.T) {
			bubble(t, func(r *rig) {
				r.consul.SetNode(tt.name, tt.address)
				node, err := r.local.Node(r.Context())
				equal(r, tt.err == "", node.UID != "") // whatever it is
				node.UID = ""
				equal(r, tt.want, node, cmpopts.EquateComparable(netip.Addr{}))
				if fmt.Sprint(err) != "<nil>" && tt.err == "" || tt.err != "" && !strings.Contains(fmt.Sprint(err), tt.err) {
					r.Errorf("error = %v, want %q", err, tt.err)
				}
			})
		})
	}
}

// TestReadsAreBounded protects from an agent that holds its lock for minutes.
func TestReadsAreBounded(t *testing.T) {
	node := func(l *register.Local, ctx context.Context) error { _, err := l.Node(ctx); return err }
	actual := func(l *register.Local, ctx context.Context) error {
		_, err := l.Actual(ctx, register.Desired{})
		return err
	}
	for _, tt := range []struct {
		path string
		read func(*register.Local, context.Context) error
		err  string
	}{
		{"/v1/agent/self", node, "read node from agent: "},
		{"/v1/agent/services", actual, "read services from agent: "},
		{"/v1/agent/checks", actual, "read checks from agent: "},
	} {
		t.Run(tt.path, func(t *testing.T) {
			bubble(t, func(r *rig) {
				check := func(err error, want string) {
					r.Helper()
					if err == nil || !strings.HasPrefix(err.Error(), tt.err) || cause(err) != want {
						r.Errorf("error = %v, want %s... %s", err, tt.err, want)
					}
				}
				r.consul.Fault(consultest.On("GET", tt.path, consultest.Fault{Status: 500, Body: "no"}))
				check(tt.read(r.local, r.Context()), "500")

				r.consul.Fault(consultest.On("GET", tt.path, consultest.Fault{Delay: time.Hour}))
				equal(r, 10*time.Second, took(func() { check(tt.read(r.local, r.Context()), "timeout") }))

				ctx, cancel := context.WithTimeout(r.Context(), 3*time.Second)
				defer cancel()
				equal(r, 3*time.Second, took(func() { check(tt.read(r.local, ctx), "timeout") }))
			})
		})
	}
}

func TestLeader(t *testing.T) {
	const path = "/v1/status/leader"
	for _, tt := range []struct {
		what  string
		fault consultest.Fault
		want  string
		took  time.Duration
	}{
		{"there is one", consultest.Fault{}, "<nil>", 0},
		{"slow", consultest.Fault{Delay: 900 * time.Millisecond}, "<nil>", 900 * time.Millisecond},
		{"none", consultest.Fault{Status: 200, Body: `""`}, "ask for leader: the Consul servers have none", 0},
		{"error", consultest.Fault{Status: 500, Body: "No cluster leader"}, "ask for leader: Unexpected response code: 500 (No cluster leader)", 0},
		{"no answer", consultest.Fault{Delay: time.Hour}, `ask for leader: Get "http://127.0.0.1:8500/v1/status/leader": context deadline exceeded`, time.Second},
		{"broken", consultest.Fault{Err: io.EOF}, `ask for leader: Get "http://127.0.0.1:8500/v1/status/leader": EOF`, 0},
	} {
		t.Run(tt.what, func(t *testing.T) {
			bubble(t, func(r *rig) {
				r.consul.Fault(consultest.On("GET", path, tt.fault))
				equal(r, tt.took, took(func() { equal(r, tt.want, fmt.Sprint(r.local.Leader(r.Context()))) }))
			})
		})
	}
	t.Run("lost by the servers", func(t *testing.T) {
		bubble(t, func(r *rig) {
			r.consul.SetLeader("")
			equal(r, "ask for leader: the Consul servers have none", fmt.Sprint(r.local.Leader(r.Context())))
		})
	})
}

// TestActual has everything beside what is ours that may be on an agent.
func TestActual(t *testing.T) {
	bubble(t, func(r *rig) {
		cart := service("shop/cart", 30001, withTags("a"))
		r.converge(cart, service("shop/dns", 30053, withProtocol("UDP")))
		const id = prefix + "shop.cart.http"
		hang(r, r.consul, id, &api.AgentServiceCheck{CheckID: "ops", Name: "by hand", TTL: "1m", Notes: "hands off"})
		r.consul.SetCheck(id+".tcp", api.HealthCritical, "refused")
		operator := r.consul.Operator().Agent()
		us := map[string]string{"managed-by": "k8s-registrar", "k8s-registrar-instance": "default"}
		for _, err := range []error{
			operator.EnableServiceMaintenance(id, "mine"),
			operator.ServiceRegister(&api.AgentServiceRegistration{ID: "redis", Name: "redis", Check: &api.AgentServiceCheck{TTL: "1m"}}),
			operator.ServiceRegister(&api.AgentServiceRegistration{ID: "copy-of-ours", Name: "copy", Meta: us}),
			operator.ServiceRegister(&api.AgentServiceRegistration{ID: prefix + "by.hand.http", Name: "by-hand", Check: &api.AgentServiceCheck{TTL: "1m"}}),
			operator.ServiceRegister(&api.AgentServiceRegistration{ID: "k8s-registrar-default-2.shop.cart.http", Name: "cart", Meta: us}),
		} {
			if err != nil {
				r.Fatal(err)
			}
		}

		got := r.actual()
		want := actual(shown(registration(r, cart)), shown(registration(r, service("shop/dns", 30053, withProtocol("UDP")))))
		want.Taken = map[register.ID]string{prefix + "by.hand.http": "by-hand"}
		have := want.Ours[id]
		have.Checks = with(have.Checks, id+".tcp", "critical", "refused").
			With(register.Check{ID: "ops", Name: "by hand", Notes: "hands off", Type: "ttl", Status: "critical"}).
			With(register.Check{ID: "_service_maintenance:" + id, Name: "Service Maintenance Mode", Notes: "mine", Type: "maintenance", Status: "critical"})
		want.Ours[id] = have
		equal(r, want, got)
	})
}

// TestTakenIDIsLeftAlone and so is everything else that is not ours, even if nothing
// at all is wanted.
func TestTakenIDIsLeftAlone(t *testing.T) {
	bubble(t, func(r *rig) {
		cart := service("shop/cart", 30001)
		err := r.consul.Operator().Agent().ServiceRegister(&api.AgentServiceRegistration{ID: string(idOf(cart)), Name: "not-ours", Port: 1})
		if err != nil {
			r.Fatal(err)
		}
		r.apply(cart)
		r.apply()
		equal(r, 0, len(r.consul.Writes()))
		r.holds("not-ours:1")
	})
}

func TestReadingWritesNothing(t *testing.T) {
	bubble(t, func(r *rig) {
		r.actual()
		_, nodeErr := r.local.Node(r.Context())
		equal(r, nil, errors.Join(nodeErr, r.local.Leader(r.Context())))
		equal(r, 0, len(r.consul.Writes()))
	})
}

// TestManyAreHeldAsFewAre: what is read in parts is what is read at once.
func TestManyAreHeldAsFewAre(t *testing.T) {
	bubble(t, func(r *rig) {
		services := many(1500)
		r.converge(services[:1400]...)
		equal(r, nil, r.local.Mark(r.Context(), register.ByCommand.Mark("")))
		for _, id := range []string{prefix + "by.hand.http", prefix + "a.s0", "x"} {
			equal(r, nil, r.consul.Operator().Agent().ServiceRegister(&api.AgentServiceRegistration{ID: id, Name: "by-hand"}))
		}
		requests := len(r.consul.Requests())
		got, err := r.local.Actual(r.Context(), desired(r, services...))
		equal(r, nil, err)
		if asked := len(r.consul.Requests()) - requests; asked < 6 {
			r.Errorf("it is read with %d requests", asked)
		}
		want := r.actual()
		equal(r, true, want.Marker != "" && len(want.Taken) == 2 && len(want.Ours) == 1400)
		equal(r, want, got, cmpopts.EquateEmpty())
		got, err = r.local.Cataloged(r.Context(), cataloged, desired(r, services...), false)
		equal(r, nil, err)
		equal(r, want.Ours, got.Ours, cmpopts.EquateEmpty())
		equal(r, want.Taken, got.Taken)
	})
}
