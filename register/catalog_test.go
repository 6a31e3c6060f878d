package register_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/hashicorp/consul/api"

	"github.com/k8s-registrar/k8s-registrar/kvschema"
	"github.com/k8s-registrar/k8s-registrar/register"
	"github.com/k8s-registrar/k8s-registrar/register/consultest"
)

// cataloged is the fake's node, whatever its ID.
var cataloged = register.Node{Name: consultest.NodeName}

// TestCatalogedIsWhatTheServersHold, in the same words as what the agent holds.
func TestCatalogedIsWhatTheServersHold(t *testing.T) {
	bubble(t, func(r *rig) {
		services := []kvschema.Service{service("shop/cart", 30001, withTags("a")), service("shop/dns", 30053, withProtocol("UDP"))}
		r.converge(services...)
		foreign := &api.AgentServiceRegistration{ID: prefix + "by.hand.http", Name: "by-hand"}
		if err := r.consul.Operator().Agent().ServiceRegister(foreign); err != nil {
			r.Fatal(err)
		}
		got, err := r.local.Cataloged(r.Context(), cataloged, register.Desired{}, false)
		equal(r, nil, err)
		equal(r, r.actual(), got, cmpopts.EquateEmpty())
		equal(r, 0, len(register.Diverge(desired(r, services...), r.actual(), got)))
	})
}

// TestHiddenIsNotMissing: an answer that ACLs have cut short proves nothing, and
// without a token it does not even say so.
func TestHiddenIsNotMissing(t *testing.T) {
	services := map[string]string{"": "write"}
	for _, tt := range []struct {
		what  string
		token bool
		rules consultest.Rules
		want  string
	}{
		{"everything may be read", true, consultest.Rules{Service: services, Node: "read"}, "<nil>"},
		{"no node", true, consultest.Rules{Service: services}, "unverified"},
		{"one service only", true, consultest.Rules{Service: map[string]string{"cart": "write"}, Node: "read"}, "unverified"},
		{"anonymous that may read all", false, consultest.Rules{Service: services, Node: "read"}, "unverified"},
		{"anonymous", false, consultest.Rules{}, "unverified"},
	} {
		t.Run(tt.what, func(t *testing.T) {
			bubble(t, func(r *rig) {
				r.converge(service("shop/cart", 30001), service("shop/web", 30002))
				r.consul.DenyByDefault()
				client := r.consul.Client()
				if tt.token {
					r.consul.Grant("secret", tt.rules)
					client = r.consul.ClientWithToken("secret")
				} else {
					r.consul.Grant("", tt.rules)
				}
				_, err := register.NewLocal(client, owner).Cataloged(r.Context(), cataloged, register.Desired{}, tt.token)
				got := fmt.Sprint(err)
				if errors.Is(err, register.ErrUnverified) {
					got = "unverified"
				}
				equal(r, tt.want, got)
			})
		})
	}
}

func TestCatalogReadIsBounded(t *testing.T) {
	for path, want := range map[string]string{
		"/v1/health/node/":           "read checks from catalog: ",
		"/v1/catalog/node-services/": "read services from catalog: ",
	} {
		bubble(t, func(r *rig) {
			r.consul.Fault(consultest.On("GET", path, consultest.Fault{Delay: time.Hour}))
			equal(r, 10*time.Second, took(func() {
				_, err := r.local.Cataloged(r.Context(), cataloged, register.Desired{}, false)
				if !strings.HasPrefix(fmt.Sprint(err), want) || cause(err) != "timeout" {
					r.Errorf("error = %v", err)
				}
			}))
		})
	}
}

// TestDivergence has what may become of a service between agent and servers.
func TestDivergence(t *testing.T) {
	cart := service("shop/cart", 30001)
	const check = prefix + "shop.cart.http.tcp"
	type edit = func(*register.Registered)
	none := func(*register.Registered) {}
	gone := func(h *register.Registered) { h.ID = "" }
	for _, tt := range []struct {
		what           string
		local, catalog edit
		want           string
	}{
		{"the same", none, none, ""},
		{"missing", none, gone, "it is not in the catalog"},
		{"missing on both sides", gone, gone, ""},
		{"only in the catalog", gone, none, ""},
		{"different", none, func(h *register.Registered) { h.Port = 1 }, "the catalog has it otherwise: port: 1 -> 30001"},
		{"different on both sides", func(h *register.Registered) { h.Port = 1 }, gone, ""},
		{"check missing", none, func(h *register.Registered) { h.Checks = register.Checks{} }, "the catalog has it otherwise: check " + check + ": + NodePort (tcp, TCP connect to 10.0.0.1:30001 every 10s, timeout 2s)"},
		{"check of another status", none, func(h *register.Registered) { h.Checks = with(h.Checks, check, "critical", "") }, "its check is passing, and critical in the catalog"},
		{"check of another output", none, func(h *register.Registered) { h.Checks = with(h.Checks, check, "passing", "old") }, ""},
		{"sent again", func(h *register.Registered) { *h = nonced(*h) }, func(h *register.Registered) { *h = nonced(*h) }, ""},
		{"arrived before it was sent again", func(h *register.Registered) { *h = nonced(*h) }, none, ""},
	} {
		t.Run(tt.what, func(t *testing.T) {
			side := func(change edit) register.Actual {
				have := shown(registration(t, cart))
				if change(&have); have.ID == "" {
					return actual()
				}
				return actual(have)
			}
			var got string
			for _, d := range register.Diverge(desired(t, cart), side(tt.local), side(tt.catalog)) {
				equal(t, idOf(cart), d.ID)
				equal(t, false, d.ByAgent)
				got += d.What
			}
			equal(t, tt.want, got)
		})
	}
}

// TestMaintenanceIsBroughtBackWhole: what is out of the load balancers and missing in the
// catalog is not sent again, since it would come back without its maintenance mode.
func TestMaintenanceIsBroughtBackWhole(t *testing.T) {
	bubble(t, func(r *rig) {
		cart := service("shop/cart", 30001)
		id := idOf(cart)
		r.converge(cart)
		byAgent := func() (all []bool) {
			catalog, err := r.local.Cataloged(r.Context(), cataloged, register.Desired{}, false)
			equal(r, nil, err)
			for _, d := range register.Diverge(desired(r, cart), r.actual(), catalog) {
				all = append(all, d.ByAgent)
			}
			return all
		}
		operator := r.consul.Operator().Agent()
		equal(r, nil, operator.EnableServiceMaintenance(string(id), "mine"))
		equal(r, 0, len(byAgent()))
		r.consul.CatalogDeregister(string(id))
		equal(r, []bool{true}, byAgent())
		equal(r, nil, operator.DisableServiceMaintenance(string(id)))
		equal(r, []bool{false}, byAgent())
	})
}

// TestRefresh sends again what is ours and wanted, with what was planned anyway and
// before the removals.
func TestRefresh(t *testing.T) {
	services := many(5)
	changed := service("a/s001", 31001)
	taken := service("a/taken", 30099)
	d := desired(t, services[0], changed, services[2], services[3], taken)
	a := actual(shown(registration(t, services[0])), shown(registration(t, services[1])), shown(registration(t, services[3])), shown(registration(t, services[4])))
	a.Taken = map[register.ID]string{idOf(taken): "somebody else's"}
	why := map[register.ID]string{}
	for _, s := range append(services, taken, service("not/wanted", 1)) {
		if s.Name != "s003" {
			why[idOf(s)] = "lost"
		}
	}
	plan := register.Diff(d, a)
	again := plan.Refresh(d, a, why, "n")
	equal(t, []string{"add a.s002.http", "update a.s001.http", "update a.s000.http", "remove a.s004.http"}, lines(again.Steps))
	equal(t, []string{"add a.s002.http", "update a.s001.http", "remove a.s004.http"}, lines(plan.Steps))
	for _, step := range again.Steps {
		want := d.Want[step.ID].Meta.Of(register.MetaFingerprint)
		if step.Action == register.Remove {
			continue
		}
		var nonce string
		if step.Action == register.Update {
			nonce = "n"
		}
		equal(t, []string{want, nonce}, []string{step.Want.Meta.Of(register.MetaFingerprint), step.Want.Meta.Of(register.MetaNonce)})
		equal(t, nonce != "", strings.HasSuffix(step.Want.Check.Notes(), " (#n)"))
	}
	equal(t, []register.Change{{Field: "sent again", Want: "lost"}}, again.Steps[2].Changes)
	equal(t, "", d.Want[idOf(services[0])].Meta.Of(register.MetaNonce)) // what is desired does not change
}

// TestRefreshRepairsTheCatalog: nothing less does, see the fake's rule for what is
// registered again unchanged.
func TestRefreshRepairsTheCatalog(t *testing.T) {
	bubble(t, func(r *rig) {
		cart := service("shop/cart", 30001)
		r.converge(cart)
		d, id := desired(r, cart), idOf(cart)
		for _, nonce := range []string{"1", "2"} {
			r.consul.CatalogDeregister(string(id))
			equal(r, 0, len(r.consul.CatalogServices()))
			plan := r.plan(cart).Refresh(d, r.actual(), map[register.ID]string{id: "lost"}, nonce)
			report := r.local.Apply(r.Context(), plan, nil)
			equal(r, []string{"update shop.cart.http"}, said(report))
			catalog, err := r.local.Cataloged(r.Context(), cataloged, register.Desired{}, false)
			equal(r, nil, err)
			equal(r, 0, len(register.Diverge(d, r.actual(), catalog)))
			equal(r, r.actual(), catalog, cmpopts.EquateEmpty())
			r.converge(cart) // and the nonce is no difference
		}
		equal(r, 3, len(r.consul.Writes()))
	})
}

// TestAnotherNodeIsNoKnowledge: what the servers hold belongs to the node that they know.
func TestAnotherNodeIsNoKnowledge(t *testing.T) {
	bubble(t, func(r *rig) {
		cart := service("shop/cart", 30001)
		r.converge(cart)
		r.consul.Down()
		r.consul.Replace()
		r.consul.Up()
		for _, tt := range []struct {
			what string
			uid  bool
			want error
		}{{"without the agent's ID", false, nil}, {"with it", true, register.ErrAnotherNode}} {
			node, err := r.local.Node(r.Context())
			equal(r, nil, err)
			if !tt.uid {
				node.UID = ""
			}
			if _, err := r.local.Cataloged(r.Context(), node, register.Desired{}, false); !errors.Is(err, tt.want) {
				r.Errorf("%s: error = %v, want %v", tt.what, err, tt.want)
			}
		}
		r.converge(cart) // 200, and nothing of it arrives
		r.consul.Reap()
		node, err := r.local.Node(r.Context())
		equal(r, nil, err)
		catalog, err := r.local.Cataloged(r.Context(), node, register.Desired{}, false)
		equal(r, nil, err)
		equal(r, r.actual(), catalog, cmpopts.EquateEmpty())
	})
}
