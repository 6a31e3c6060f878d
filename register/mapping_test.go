package register_test

import (
	"fmt"
	"maps"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/k8s-registrar/k8s-registrar/kvschema"
	"github.com/k8s-registrar/k8s-registrar/register"
)

// dual is a node of both families.
var dual = register.Node{Name: "node-1", Meta: map[string]string{"role": "edge"}}.
	At(netip.MustParseAddr("fd00::1")).At(netip.MustParseAddr("10.0.0.1"))

// TestCheckOfAService is what Consul is asked to try.
func TestCheckOfAService(t *testing.T) {
	zero, three := 0, 3
	cart := func(change func(*kvschema.Check)) kvschema.Service {
		return service("shop/cart", 30080, withCheck(change))
	}
	const id = prefix + "shop.cart.http"
	for _, tt := range []struct {
		what    string
		service kvschema.Service
		want    *api.AgentServiceCheck
	}{
		{"HTTP", cart(func(c *kvschema.Check) { c.Kind = "http" }), &api.AgentServiceCheck{
			CheckID: id + ".http", HTTP: "http://10.0.0.1:30080/", Notes: "GET http://10.0.0.1:30080/ every 10s, timeout 2s",
		}},
		{"HTTP for a host", cart(func(c *kvschema.Check) { c.Kind, c.Path, c.Host = "http", "/ok?a=b", "cart.example.com" }), &api.AgentServiceCheck{
			CheckID: id + ".http", HTTP: "http://10.0.0.1:30080/ok?a=b", Header: map[string][]string{"Host": {"cart.example.com"}},
			Notes: "GET http://10.0.0.1:30080/ok?a=b for cart.example.com every 10s, timeout 2s",
		}},
		{"HTTPS", cart(func(c *kvschema.Check) { c.Kind = "https" }), &api.AgentServiceCheck{
			CheckID: id + ".http", HTTP: "https://10.0.0.1:30080/", TLSSkipVerify: true, Notes: "GET https://10.0.0.1:30080/ every 10s, timeout 2s",
		}},
		{"HTTPS, verified", cart(func(c *kvschema.Check) { c.Kind, c.Host = "https", "cart.example.com" }), &api.AgentServiceCheck{
			CheckID: id + ".http", HTTP: "https://10.0.0.1:30080/", TLSServerName: "cart.example.com", Header: map[string][]string{"Host": {"cart.example.com"}},
			Notes: "GET https://10.0.0.1:30080/ for cart.example.com every 10s, timeout 2s",
		}},
		{"gRPC", cart(func(c *kvschema.Check) { c.Kind, c.Service = "grpc", "shop.v1.Cart" }), &api.AgentServiceCheck{
			CheckID: id + ".grpc", GRPC: "10.0.0.1:30080/shop.v1.Cart", Notes: "gRPC health of 10.0.0.1:30080/shop.v1.Cart every 10s, timeout 2s",
		}},
		{"another port", cart(func(c *kvschema.Check) { c.Port = 30090 }), &api.AgentServiceCheck{
			CheckID: id + ".tcp", TCP: "10.0.0.1:30090", Notes: "TCP connect to 10.0.0.1:30090 every 10s, timeout 2s",
		}},
		{"times", cart(func(c *kvschema.Check) { c.Interval, c.Timeout = time.Minute, 20*time.Second }), &api.AgentServiceCheck{
			CheckID: id + ".tcp", TCP: "10.0.0.1:30080", Notes: "TCP connect to 10.0.0.1:30080 every 1m0s, timeout 20s", Interval: "1m0s", Timeout: "20s",
		}},
		{"an interval below the configured timeout", cart(func(c *kvschema.Check) { c.Interval = time.Second }), &api.AgentServiceCheck{
			CheckID: id + ".tcp", TCP: "10.0.0.1:30080", Notes: "TCP connect to 10.0.0.1:30080 every 1s, timeout 1s", Interval: "1s", Timeout: "1s",
		}},
		{"thresholds", cart(func(c *kvschema.Check) {
			c.FailuresBeforeCritical, c.FailuresBeforeWarning, c.SuccessBeforePassing, c.InitialStatus = 5, &three, &zero, "critical"
		}), &api.AgentServiceCheck{
			CheckID: id + ".tcp", TCP: "10.0.0.1:30080", Notes: "TCP connect to 10.0.0.1:30080 every 10s, timeout 2s",
			FailuresBeforeCritical: 5, FailuresBeforeWarning: 3, Status: "critical",
		}},
		{"UDP", service("shop/cart", 30080, withProtocol("UDP"), withCheck(func(c *kvschema.Check) { c.Kind = "http" })), nil},
		{"UDP with the port of another", service("shop/cart", 30080, withProtocol("UDP"), withCheck(func(c *kvschema.Check) { c.Port = 30090 })), &api.AgentServiceCheck{
			CheckID: id + ".tcp", TCP: "10.0.0.1:30090", Notes: "TCP connect to 10.0.0.1:30090 every 10s, timeout 2s",
		}},
		{"IPv6 alone", service("shop/cart", 30080, func(s *kvschema.Service) { s.Families.IPv6 = true }), &api.AgentServiceCheck{
			CheckID: id + ".tcp", TCP: "[fd00::1]:30080", Notes: "TCP connect to [fd00::1]:30080 every 10s, timeout 2s",
		}},
		{"both families", service("shop/cart", 30080, func(s *kvschema.Service) { s.Families = kvschema.Families{IPv4: true, IPv6: true} }), &api.AgentServiceCheck{
			CheckID: id + ".tcp", TCP: "10.0.0.1:30080", Notes: "TCP connect to 10.0.0.1:30080 every 10s, timeout 2s",
		}},
	} {
		t.Run(tt.what, func(t *testing.T) {
			if want := tt.want; want != nil {
				want.Name = "NodePort"
				for field, usual := range map[*string]string{&want.Interval: "10s", &want.Timeout: "2s", &want.Status: "passing"} {
					if *field == "" {
						*field = usual
					}
				}
				if want.FailuresBeforeCritical == 0 {
					want.FailuresBeforeCritical = 2
				}
			}
			d, problems := mapping.Desired(treeOf(tt.service), dual)
			equal(t, 0, len(problems))
			var got *api.AgentServiceCheck
			if check := d.Want[idOf(tt.service)].Check; check != nil {
				got = check.Request()
			}
			equal(t, tt.want, got)
		})
	}
}

// TestCheckThatCannotBeKeepsTheService as it was.
func TestCheckThatCannotBeKeepsTheService(t *testing.T) {
	three := 3
	for want, change := range map[string]func(*kvschema.Check){
		"check.timeout 20s is longer than check.interval 10s":                       func(c *kvschema.Check) { c.Timeout = 20 * time.Second },
		"check.failures_before_warning 3 is above check.failures_before_critical 2": func(c *kvschema.Check) { c.FailuresBeforeWarning = &three },
	} {
		cart := service("shop/cart", 30080, withCheck(change))
		d, problems := mapping.Desired(treeOf(cart), node1)
		_, kept := d.Keep[cart.Key]
		if len(d.Want) != 0 || !kept || len(problems) != 1 || problems[0].Err.Error() != want {
			t.Errorf("%s: wants %v, keeps %v, says %v", want, d.Want, kept, problems)
		}
	}
}

// TestAddresses are where a Service is announced, and who is told which.
func TestAddresses(t *testing.T) {
	for _, tt := range []struct {
		what     string
		address  string
		dual     bool
		families string
		want     string
	}{
		{"default", "", false, "", ""},
		{"default, of both families", "", false, "IPv4 IPv6", ""},
		{"default, of the other family", "", false, "IPv6", ""},
		{"node", "node", false, "", "10.0.0.1"},
		{"node, of the other family", "node", false, "IPv6", "fd00::1"},
		{"given", "203.0.113.7", false, "", "203.0.113.7"},
		{"dual stack, unknown families", "", true, "", ""},
		{"dual stack, one family", "", true, "IPv4", ""},
		{"dual stack, the other family", "", true, "IPv6", "fd00::1"},
		{"dual stack", "", true, "IPv4 IPv6", " lan_ipv4=10.0.0.1:30080 lan_ipv6=fd00::1:30080"},
		{"dual stack at the node", "node", true, "IPv6 IPv4", "10.0.0.1 lan_ipv4=10.0.0.1:30080 lan_ipv6=fd00::1:30080"},
		{"dual stack at a given address", "203.0.113.7", true, "IPv4 IPv6", "203.0.113.7"},
	} {
		t.Run(tt.what, func(t *testing.T) {
			cart := service("shop/cart", 30080, func(s *kvschema.Service) {
				s.Address, s.DualStack = tt.address, tt.dual
				s.Families = kvschema.Families{IPv4: strings.Contains(tt.families, "IPv4"), IPv6: strings.Contains(tt.families, "IPv6")}
			})
			d, problems := mapping.Desired(treeOf(cart), dual)
			equal(t, 0, len(problems))
			r := d.Want[idOf(cart)]
			got := r.Address
			for _, tag := range []string{"lan_ipv4", "lan_ipv6"} {
				if a, ok := r.TaggedAddresses[tag]; ok {
					got += fmt.Sprintf(" %s=%s:%d", tag, a.Address, a.Port)
				}
			}
			equal(t, tt.want, got)
		})
	}
}

// TestNodesAreSelected by their meta. A name is held by the same key on all of them, and
// where the meta is not known, what is registered stays.
func TestNodesAreSelected(t *testing.T) {
	edge := service("a/web", 30001, createdAt(1), func(s *kvschema.Service) { s.Nodes = kvschema.Selector{{Key: "role", Value: "edge"}} })
	young := service("b/web", 30002, createdAt(2))
	for _, tt := range []struct {
		what string
		meta map[string]string
		want []string
		keep int
	}{
		{"an edge", map[string]string{"role": "edge"}, []string{"web:30001"}, 0},
		{"another", map[string]string{"role": "core"}, nil, 0},
		{"no meta", map[string]string{}, nil, 0},
		{"meta is not known", nil, nil, 1},
	} {
		t.Run(tt.what, func(t *testing.T) {
			node := node1
			node.Meta = tt.meta
			d, _ := mapping.Desired(treeOf(edge, young), node)
			var got []string
			for _, r := range d.Want {
				got = append(got, fmt.Sprintf("%s:%d", r.Name, r.Port))
			}
			equal(t, tt.want, got)
			equal(t, tt.keep, len(d.Keep))
		})
	}
}

// TestMetaOfAServiceStandsBesideOurs, and together they fit into what Consul takes.
func TestMetaOfAServiceStandsBesideOurs(t *testing.T) {
	cart := service("shop/cart", 30080, func(s *kvschema.Service) {
		s.Meta = map[string]string{}
		for i := range kvschema.MaxMeta {
			s.Meta[fmt.Sprintf("k%d", i)] = "v"
		}
	})
	m := mapping
	m.Token = "0a1b2c3d"
	d, problems := m.Desired(treeOf(cart), node1)
	equal(t, 0, len(problems))
	plan := register.Plan{}.Refresh(d, actual(shown(d.Want[idOf(cart)])), map[register.ID]string{idOf(cart): "lost"}, "n")
	got := plan.Steps[0].Want.Meta.Map()
	if len(got) > 64 || got["k0"] != "v" || got[register.MetaManagedBy] != register.Program {
		t.Errorf("%d keys: %v", len(got), got)
	}
}

func TestWarningsAreToldAndHarmNothing(t *testing.T) {
	cart := service("shop/cart", 30080, func(s *kvschema.Service) { s.Warnings = []string{"odd"} })
	d, problems := mapping.Desired(treeOf(cart), node1)
	if len(d.Want) != 1 || len(d.Keep) != 0 || len(problems) != 1 || !problems[0].Warning || problems[0].Err.Error() != "odd" {
		t.Errorf("wants %v, keeps %v, says %+v", d.Want, d.Keep, problems)
	}
}

// TestEveryFieldIsRepaired: whoever changes what a Service asked for, it is set right, and
// then nothing more is written.
func TestEveryFieldIsRepaired(t *testing.T) {
	rich := service("shop/cart", 30080, withSecondPort("m"), func(s *kvschema.Service) {
		s.Address, s.DualStack, s.Families = "node", true, kvschema.Families{IPv4: true, IPv6: true}
		s.Weights = kvschema.Weights{Passing: 10}
		s.Meta = map[string]string{"team": "shop"}
		s.Check = &kvschema.Check{Kind: "http", Path: "/healthz"}
	})
	const id = prefix + "shop.cart.http"
	for what, edit := range map[string]func(*api.AgentServiceRegistration){
		"address":        func(r *api.AgentServiceRegistration) { r.Address = "" },
		"weights":        func(r *api.AgentServiceRegistration) { r.Weights = nil },
		"tagged address": func(r *api.AgentServiceRegistration) { delete(r.TaggedAddresses, "lan_ipv6") },
		"strange tagged address": func(r *api.AgentServiceRegistration) {
			r.TaggedAddresses["x"] = api.ServiceAddress{Address: "192.0.2.1", Port: 1}
		},
		"check": func(r *api.AgentServiceRegistration) { r.Checks[0].HTTP, r.Checks[0].Notes = "http://192.0.2.1/", "" },
		"meta":  func(r *api.AgentServiceRegistration) { r.Meta["team"] = "other" },
	} {
		t.Run(what, func(t *testing.T) {
			bubble(t, func(r *rig) {
				plan := func() register.Plan {
					d, problems := mapping.Desired(treeOf(rich), dual)
					equal(r, 0, len(problems))
					return register.Diff(d, r.actual())
				}
				first := plan()
				r.local.Apply(r.Context(), first, nil)
				equal(r, "", plan().String())

				w := first.Steps[0].Want
				edited := &api.AgentServiceRegistration{
					ID: string(w.ID), Name: w.Name, Port: w.Port, Tags: w.Tags, Address: w.Address, Weights: w.Weights,
					Meta: map[string]string{}, TaggedAddresses: map[string]api.ServiceAddress{},
				}
				maps.Copy(edited.Meta, w.Meta.Map())
				maps.Copy(edited.TaggedAddresses, w.TaggedAddresses)
				edited.Checks = api.AgentServiceChecks{w.Check.Request()}
				edit(edited)
				if err := r.consul.Operator().Agent().ServiceRegister(edited); err != nil {
					r.Fatal(err)
				}
				equal(r, "update "+id+"\n", plan().String())
				r.local.Apply(r.Context(), plan(), nil)
				equal(r, "", plan().String())
			})
		})
	}
}

// TestCheckOfAnotherKindReplacesTheOldOne, and leaves none behind.
func TestCheckOfAnotherKindReplacesTheOldOne(t *testing.T) {
	bubble(t, func(r *rig) {
		for _, kind := range []string{"", "http", "grpc", "https", "tcp"} {
			r.converge(service("shop/cart", 30080, withCheck(func(c *kvschema.Check) { c.Kind = kind })))
			want := map[string]string{"": "tcp", "https": "http"}[kind]
			if want == "" {
				want = kind
			}
			equal(r, []string{prefix + "shop.cart.http." + want}, r.checkIDs())
		}
	})
}

func TestNodeOnAnInterface(t *testing.T) {
	node, err := register.Node{Name: "n"}.On("lo")
	if err != nil || node.Address != netip.MustParseAddr("127.0.0.1") || node.IPv4 != node.Address {
		t.Errorf("lo: %+v, %v", node, err)
	}
	if _, err := (register.Node{}).On("no-such-device"); err == nil || !strings.Contains(err.Error(), `interface "no-such-device"`) {
		t.Errorf("no such device: %v", err)
	}
}

// TestNodePortIsAnnouncedNotThePort inside the cluster, for every port.
func TestNodePortIsAnnouncedNotThePort(t *testing.T) {
	d := desired(t, service("shop/cart", 30080, withPort("http", 80), withSecondPort("m")))
	var got []string
	for _, r := range d.Want {
		got = append(got, fmt.Sprintf("%s:%d %s", r.Name, r.Port, r.Check.Request().TCP))
	}
	equal(t, []string{"cart:30080 10.0.0.1:30080", "cart-m:31080 10.0.0.1:31080"}, got, sorted)
}

// TestServiceArrivesWithItsCheck in one write: without one it would be passing, whatever
// is there.
func TestServiceArrivesWithItsCheck(t *testing.T) {
	bubble(t, func(r *rig) {
		r.converge(service("shop/cart", 30080, withSecondPort("m")))
		equal(r, 2, r.count("PUT "))
		equal(r, 2, len(r.consul.Checks()))
	})
}

// TestMovedNodeKeepsItsIDs: neither the host nor an address is in an ID, so a renamed or
// renumbered node changes its services and leaves no doubles.
func TestMovedNodeKeepsItsIDs(t *testing.T) {
	cart := service("shop/cart", 30080, withSecondPort("m"), func(s *kvschema.Service) { s.Address = "node" })
	before, _ := mapping.Desired(treeOf(cart), node1)
	moved, _ := mapping.Desired(treeOf(cart), register.Node{Name: "renamed"}.At(netip.MustParseAddr("10.9.9.9")))
	var have []register.Registered
	for _, r := range before.Want {
		have = append(have, shown(r))
	}
	equal(t, []string{"update shop.cart.http", "update shop.cart.m"}, lines(register.Diff(moved, actual(have...)).Steps))
}
