package agent

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/consul/api"
	"pgregory.net/rapid"

	"github.com/k8s-registrar/k8s-registrar/config"
	"github.com/k8s-registrar/k8s-registrar/kvschema"
	"github.com/k8s-registrar/k8s-registrar/register"
	"github.com/k8s-registrar/k8s-registrar/register/consultest"
)

// paths lists the requests since a number of them, but for those of the doorbells.
func (r *rig) paths(since int) (paths []string) {
	for _, request := range r.consul.Requests()[since:] {
		if request.Query.Get("filter") == "" && !strings.HasPrefix(request.Path, "/v1/kv/") {
			paths = append(paths, request.Method+" "+request.Path)
		}
	}
	return paths
}

// slowLook makes looking at everything take a while, as it does with thousands of services.
func slowLook(r *http.Request) *consultest.Fault {
	return consultest.On("", "/v1/agent/services", consultest.Fault{Delay: 100 * time.Millisecond})(r)
}

// startLarge runs an agent that holds its services, and takes a while to look at them.
func startLarge(t *testing.T) (*consultest.Consul, *rig) {
	t.Helper()
	c, r := startFaulty(t, slowLook)
	r.after(time.Minute).holds(50)
	return c, r
}

// startFaulty runs an agent with 50 services on a Consul with a fault.
func startFaulty(t *testing.T, fault func(*http.Request) *consultest.Fault, change ...func(*config.Config)) (*consultest.Consul, *rig) {
	t.Helper()
	c := consultest.New()
	fill(c, 50)
	c.Fault(fault)
	return c, start(t, c, change...)
}

// A change asks the local agent for its own service only. What the change itself makes the
// doorbells ring is looked at later, and all at once.
func TestAChangeTouchesItsServiceOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, r := startFaulty(t, slowLook, func(cfg *config.Config) { cfg.Reconcile.Resync = time.Hour })
		const quiet = 2 * time.Minute // by then everything was looked at
		r.after(quiet).holds(50)
		for i, change := range []func(){
			func() { c.SetKV(service("shop", "s007", 32000, "b")) },
			func() { c.SetKV(service("shop", "new", 32001, "")) },
			func() { c.DeleteKV("kubernetes/deployments/shop/s008") },
		} {
			requests := len(c.Requests())
			change()
			r.after(3 * time.Second)
			id := []string{"s007", "new", "s008"}[i]
			action := []string{"register", "register", "deregister/k8s-registrar-default.shop." + id + ".http"}[i]
			want := []string{"GET /v1/agent/health/service/id/k8s-registrar-default.shop." + id + ".http", "PUT /v1/agent/service/" + action}
			got := r.paths(requests)
			if id == "new" { // is the node in maintenance?
				want = slices.Insert(want, 0, "GET /v1/agent/health/service/id/k8s-registrar-default.maintenance")
				slices.Sort(got[:min(2, len(got))]) // they are asked for together
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("change %d (-want +got):\n%s", i, diff)
			}
			r.after(quiet)
		}
		r.holds(50)
	})
}

// The answer that told of a change told of a leader too, which need not be asked for again
// unless that was a while ago.
func TestALeaderIsAskedForWhereNewsAreOld(t *testing.T) {
	for held, want := range map[time.Duration]int{time.Second: 0, 5 * time.Second: 1} {
		synctest.Test(t, func(t *testing.T) {
			c, r := startLarge(t)
			c.Fault(consultest.On("PUT", "/v1/agent/service/register", consultest.Fault{Delay: held}))
			c.SetKV(service("shop", "s007", 32000, "b"))
			r.after(100 * time.Millisecond)
			c.Fault(slowLook)
			c.SetKV(service("shop", "s008", 32001, "b"))
			requests := len(c.Requests())
			r.after(10 * time.Second)
			var asked int
			for _, path := range r.paths(requests) {
				if path == "GET /v1/status/leader" {
					asked++
				}
			}
			if asked != want {
				t.Errorf("news that waited %s: the leader was asked for %d times, want %d", held, asked, want)
			}
			r.holds(50)
		})
	}
}

// What others do while we write is seen, if later: the longer a look takes, the later.
func TestOwnChangesDoNotHideThoseOfOthers(t *testing.T) {
	for look, within := range map[time.Duration]time.Duration{
		2 * time.Millisecond:   2 * time.Second, // a doorbell rings once a second
		100 * time.Millisecond: verifyPause*3/2 + mostPutOff + 2*time.Second,
		time.Second:            verifyPause*3/2 + mostPutOff + 5*time.Second, // each look is given up for news, until it is not
	} {
		t.Run(look.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, r := startFaulty(t, consultest.On("", "/v1/agent/services", consultest.Fault{Delay: look}))
				r.after(time.Minute)
				stop := time.Now().Add(20 * time.Second)
				for i := 0; time.Now().Before(stop); i++ { // never at rest
					if c.SetKV(service("shop", "s007", 32000+i, "b")); i == 10 {
						c.Client().Agent().ServiceDeregister("k8s-registrar-default.shop.s030.http") //nolint:errcheck // seen below
						stop = time.Now().Add(within)
					}
					r.after(100 * time.Millisecond)
				}
				r.holds(50)
			})
		})
	}
}

// A change does not wait for the end of a look at everything.
func TestAChangeInterruptsALook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := consultest.New()
		fill(c, 50)
		r := start(t, c)
		r.after(time.Minute).holds(50)
		for what, path := range map[string]string{"agent": "/v1/agent/services", "catalog": "/v1/catalog/node-services"} {
			c.Fault(consultest.On("", path, consultest.Fault{Delay: 5 * time.Second}))
			if err := c.Client().Agent().ServiceDeregister("k8s-registrar-default.shop.s030.http"); err != nil { // look!
				t.Fatal(err)
			}
			r.after(2 * time.Second)
			c.SetKV(service("shop", what, 32000, ""))
			r.after(100 * time.Millisecond)
			if _, there := c.Services()["k8s-registrar-default.shop."+what+".http"]; !there {
				t.Errorf("a change waits for a look at the %s", what)
			}
			if text := r.status().Catalog.Error; text != "" {
				t.Errorf("what was put off is taken for a failure: %s", text)
			}
			c.Fault(nil)
			r.after(time.Minute).ready(true)
		}
		r.holds(52)
	})
}

// News that come together with a ring do not wait with it.
func TestNewsDoNotWaitWithARing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := consultest.New()
		fill(c, 50)
		c.Fault(func(r *http.Request) *consultest.Fault {
			if r.Method == http.MethodPut { // so that both wait for the loop
				return &consultest.Fault{Delay: 100 * time.Millisecond, After: true}
			}
			return slowLook(r)
		})
		r := start(t, c)
		r.after(time.Minute).holds(50)
		for i := range 10 { // which of them the loop hears of first is chance
			c.SetKV(service("shop", "s007", 32000+i, ""))
			r.after(10 * time.Millisecond)
			if err := c.Operator().Agent().ServiceDeregister("k8s-registrar-default.shop.s030.http"); err != nil {
				t.Fatal(err)
			}
			for j := range 2 * mostNarrow {
				c.SetKV(service("shop", fmt.Sprintf("s%03d", j), 20000+100*i+j, ""))
			}
			r.after(4 * time.Second)
			if port := c.Services()["k8s-registrar-default.shop.s005.http"].Port; port != 20000+100*i+5 {
				t.Fatalf("port %d: the news wait", port)
			}
			r.after(time.Minute)
		}
	})
}

// An ID that somebody else has taken a moment ago is not written over.
func TestAChangeLooksBeforeItWrites(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, r := startLarge(t)
		foreign := &api.AgentServiceRegistration{ID: "k8s-registrar-default.shop.new.http", Name: "theirs", Port: 1}
		if err := c.Client().Agent().ServiceRegister(foreign); err != nil {
			t.Fatal(err)
		}
		c.SetKV(service("shop", "new", 32001, ""))
		r.after(time.Minute)
		if name := c.Services()[foreign.ID].Service; name != "theirs" {
			t.Errorf("it is %q now", name)
		}
		if s := r.status(); len(s.Problems) != 1 || s.Problems[0].ID != foreign.ID {
			t.Errorf("problems: %+v", s.Problems)
		}
	})
}

// A 404 that is not Consul's is not taken for the absence of a service: what was deleted
// would stay until everything is looked at.
func TestARemovalSurvivesAForeign404(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, r := startLarge(t)
		c.Fault(consultest.On(http.MethodGet, "/v1/agent/health/", consultest.Fault{Status: http.StatusNotFound, Body: "nginx"}))
		c.DeleteKV("kubernetes/deployments/shop/s008")
		r.after(time.Second)
		c.Fault(nil)
		r.after(5 * time.Second).holds(49)
	})
}

// A change that comes while thousands of services are being registered is not behind them.
func TestAChangePassesTheBacklog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := consultest.New()
		c.SetKV(service("shop", "cart", 30000, ""))
		c.Fault(func(r *http.Request) *consultest.Fault {
			if r.Method == http.MethodPut {
				return &consultest.Fault{Delay: 20 * time.Millisecond}
			}
			return slowLook(r)
		})
		r := start(t, c, func(cfg *config.Config) { cfg.Reconcile.Workers = 1 })
		r.after(time.Minute).holds(1)
		fill(c, 1000)
		r.after(2 * time.Second)
		c.SetKV(service("shop", "cart", 32000, ""))
		r.after(500 * time.Millisecond)
		if port := c.Services()["k8s-registrar-default.shop.cart.http"].Port; port != 32000 {
			t.Errorf("the change waits behind %d of 1000 services", len(c.Services())-1)
		}
		r.after(time.Minute).holds(1001)
	})
}

// Passes about what changed lead to the same as one about everything.
func TestNarrowPassesAddUp(t *testing.T) {
	node := register.Node{Name: "node-1", Meta: map[string]string{}}.At(netip.MustParseAddr("10.0.0.1"))
	mapping := register.Mapping{Owner: register.Owner{Instance: "default"}}
	rapid.Check(t, func(t *rapid.T) {
		reader := kvschema.NewReader("p/", kvschema.Rules(config.Default().Services))
		tree := map[string]kvschema.Pair{}
		var readings []*kvschema.Reading
		books := newLedger(Pass{Desired: register.Desired{Want: map[register.ID]register.Registration{}, Keep: map[string]struct{}{}},
			Actual: register.Actual{Ours: map[register.ID]*register.Registered{}}}, nil)
		for index := range uint64(20) {
			for range rapid.IntRange(1, 3).Draw(t, "changes") {
				mutate(t, tree, index+1)
			}
			var next []*kvschema.Reading
			for _, key := range slices.Sorted(maps.Keys(tree)) {
				i, found := slices.BinarySearchFunc(readings, key, compareKey)
				var before *kvschema.Reading
				if found {
					before = readings[i]
				}
				if r, ours := reader.Read(tree[key], before); ours {
					next = append(next, r)
				}
			}
			s := scopeOf(readings, next)
			readings = next
			if len(s.keys) == 0 {
				continue
			}
			part := Pass{Belief: Belief{Snapshot: Snapshot{Readings: next}}}
			part.Desired, part.Problems = mapping.Desired(kvschema.Compose(s.readings), node)
			part.Touched = books.of(s.keys, part.Desired)
			part.Actual.Ours = map[register.ID]*register.Registered{}
			for _, id := range part.Touched {
				if have, ours := books.pass.Actual.Ours[id]; ours {
					part.Actual.Ours[id] = have
				}
			}
			part.Plan = register.Diff(part.Desired, part.Actual)
			whole, problems := mapping.Desired(kvschema.Compose(next), node)
			plan := register.Diff(whole, books.pass.Actual)
			if diff := cmp.Diff(plan.String(), part.Plan.String()); diff != "" {
				t.Fatalf("plan (-whole +narrow):\n%s", diff)
			}
			for _, step := range part.Plan.Steps {
				part.Report.Outcomes = append(part.Report.Outcomes, register.Outcome{Step: step})
			}
			part.Actual = part.Actual.After(part.Report)
			books.enter(part, s)
			if diff := cmp.Diff(whole, books.pass.Desired); diff != "" {
				t.Fatalf("desired (-whole +narrow):\n%s", diff)
			}
			if diff := cmp.Diff(said(problems), said(books.pass.Problems)); diff != "" {
				t.Fatalf("problems (-whole +narrow):\n%s", diff)
			}
			if rest := register.Diff(whole, books.pass.Actual); !rest.Empty() {
				t.Fatalf("left to do: %s", rest)
			}
		}
	})
}

func said(problems []kvschema.Problem) []string {
	all := []string{}
	for _, p := range problems {
		all = append(all, p.Key+": "+p.Err.Error())
	}
	slices.Sort(all)
	return all
}

// mutate changes one key of a tree in which names collide often.
func mutate(t *rapid.T, tree map[string]kvschema.Pair, index uint64) {
	namespace := rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "namespace")
	name := rapid.SampledFrom([]string{"web", "api", "db", "web-udp"}).Draw(t, "name")
	key := "p/" + namespace + "/" + name
	pair := kvschema.Pair{Key: key, CreateIndex: index, ModifyIndex: index}
	if before, there := tree[key]; there {
		pair.CreateIndex = before.CreateIndex
	}
	port := 30000 + rapid.IntRange(0, 3).Draw(t, "port")
	switch rapid.IntRange(0, 6).Draw(t, "kind") {
	case 0:
		delete(tree, key)
		return
	case 1:
		pair.Value = []byte("not JSON")
	case 2:
		pair.Value = fmt.Appendf(nil, `{"kind":"Service","metadata":{"name":%q,"namespace":%q},"spec":{"type":"ClusterIP"}}`, name, namespace)
	case 3:
		pair.Value = fmt.Appendf(nil, `{"kind":"Service","metadata":{"name":%q,"namespace":%q,"annotations":{"k8s-registrar/ports":"all"}},"spec":{"type":"NodePort","ports":[{"name":"http","port":80,"nodePort":%d},{"name":"udp","port":81,"nodePort":%d}]}}`, name, namespace, port, port+10)
	default:
		pair.Value = fmt.Appendf(nil, `{"kind":"Service","metadata":{"name":%q,"namespace":%q},"spec":{"type":"NodePort","ports":[{"name":"http","port":80,"nodePort":%d}]}}`, name, namespace, port)
	}
	tree[key] = pair
}

// A node that has just entered maintenance adds nothing that is not in it, even if its own
// changes hide that for a while.
func TestAChangeSeesMaintenance(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, r := startLarge(t)
		c.SetKV(service("shop", "s007", 32000, "b"))
		r.after(10 * time.Millisecond)
		if err := register.NewLocal(c.Client(), register.Owner{Instance: "default"}).Mark(t.Context(), register.ByCommand.Mark("test")); err != nil {
			t.Fatal(err)
		}
		c.SetKV(service("shop", "new", 32001, ""))
		const id = "k8s-registrar-default.shop.new.http"
		for range 2000 {
			r.after(time.Millisecond)
			_, there := c.Services()[id]
			_, out := c.Checks()["_service_maintenance:"+id]
			if there && !out && c.Checks()[id+".tcp"].Status == api.HealthPassing {
				t.Fatal("a new service is announced on a node in maintenance")
			}
		}
		r.holds(52)
	})
}

// A change of what has just entered maintenance mode with its node does not end that.
func TestAChangeKeepsMaintenance(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, r := startLarge(t)
		c.SetKV(service("shop", "s007", 32000, "b"))
		r.after(10 * time.Millisecond)
		const id, mark = "k8s-registrar-default.shop.s008.http", "test"
		local := register.NewLocal(c.Client(), register.Owner{Instance: "default"})
		if err := errors.Join(local.Mark(t.Context(), register.ByCommand.Mark(mark)),
			c.Operator().Agent().EnableServiceMaintenance(id, string(register.ByCommand.Mark(mark)))); err != nil {
			t.Fatal(err)
		}
		c.SetKV(service("shop", "s008", 32001, ""))
		for range 2000 {
			r.after(time.Millisecond)
			if _, out := c.Checks()["_service_maintenance:"+id]; !out {
				t.Fatal("it is out of maintenance")
			}
		}
		if port := c.Services()[id].Port; port != 32001 {
			t.Errorf("its port is %d: the change was lost", port)
		}
	})
}
