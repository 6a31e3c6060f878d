package agent

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/k8s-registrar/k8s-registrar/config"
	"github.com/k8s-registrar/k8s-registrar/register"
	"github.com/k8s-registrar/k8s-registrar/register/consultest"
)

// stir changes one service after the other, and never one of the last ten of fifty. Soon after
// the ninth it does harm.
func (r *rig) stir(every, d time.Duration, harm func()) { r.stirSome(40, every, d, harm) }

// stirSome changes none but the first n.
func (r *rig) stirSome(n int, every, d time.Duration, harm func()) {
	for i := range int(d / every) {
		r.consul.SetKV(service("shop", fmt.Sprintf("s%03d", i%n), 32000+i, ""))
		if r.after(every / 3); i == 8 {
			harm()
		}
		r.after(every * 2 / 3)
	}
}

// wholeLooks counts how often everything in the catalog, and on the agent, was asked for.
func (r *rig) wholeLooks(since int) (catalog, agent int) {
	for _, path := range r.paths(since) {
		switch {
		case strings.HasPrefix(path, "GET /v1/catalog/node-services/"):
			catalog++
		case path == "GET /v1/agent/services":
			agent++
		}
	}
	return catalog, agent
}

// slowestLook makes the pause between looks at everything as long as it gets.
func slowestLook(r *http.Request) *consultest.Fault {
	return consultest.On("", "/v1/agent/services", consultest.Fault{Delay: longestPause / pausesPerLook})(r)
}

// wholeCatalog is a fault of the questions for everything in the catalog.
func wholeCatalog(fault consultest.Fault) func(*http.Request) *consultest.Fault {
	return func(r *http.Request) *consultest.Fault {
		if r.URL.Query().Get("filter") != "" {
			return nil
		}
		return consultest.FirstOf(consultest.On("", "/v1/health/node/", fault), consultest.On("", "/v1/catalog/node-services/", fault))(r)
	}
}

// What our own changes make ring is explained by asking for the services that were changed.
func TestOwnChangesAreTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, r := startLarge(t)
		r.after(5 * time.Minute)
		requests := len(c.Requests())
		r.stir(700*time.Millisecond, 5*time.Minute, func() {}) // most rings are late
		if catalog, agent := r.wholeLooks(requests); catalog > 5+5 || agent > 15+5+2 {
			t.Errorf("in five minutes of changes the whole catalog was asked for %d times, the agent %d times", catalog, agent)
		}
		r.after(2 * longestEcho)
		requests = len(c.Requests())
		r.after(10 * time.Minute)
		if catalog, agent := r.wholeLooks(requests); catalog > 2 || agent > 10*60/45+1 {
			t.Errorf("at rest the whole catalog was asked for %d times, the agent %d times", catalog, agent)
		}
		r.holds(50)
	})
}

// questions counts how often a doorbell of the catalog was asked, and how often it was asked
// for some services alone.
func (r *rig) questions(since int, path string) (doorbell, some int) {
	for _, request := range r.consul.Requests()[since:] {
		switch filter := request.Query.Get("filter"); {
		case !strings.HasPrefix(request.Path, path) || filter == "":
		case strings.Contains(filter, "matches"):
			some++
		default:
			doorbell++
		}
	}
	return doorbell, some
}

// For each ring the servers go through all services of the node, so a doorbell that would ring
// all the time is not asked all the time.
func TestADoorbellRestsWhileThingsChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, r := startLarge(t)
		r.after(5 * time.Minute)
		requests := len(c.Requests())
		r.stir(700*time.Millisecond, 5*time.Minute, func() {})
		most := ringsAtOnce + int(5*time.Minute/servicesPace) + 1
		if doorbell, _ := r.questions(requests, "/v1/catalog/node-services/"); doorbell > most {
			t.Errorf("in five minutes of changes the doorbell of the services was asked %d times, want at most %d", doorbell, most)
		}
		most = 2 * (ringsAtOnce + int(5*time.Minute/checksPace) + 1) // where to begin, and what comes then
		if doorbell, _ := r.questions(requests, "/v1/health/node/"); doorbell > most {
			t.Errorf("that of the checks was asked %d times, want at most %d", doorbell, most)
		}
	})
}

// A change reaches all nodes at once. They do not ask for everything at once because of it.
func TestNodesAskForEverythingApart(t *testing.T) {
	now := time.Now()
	soonest, latest := now.Add(time.Hour), now
	for range 1000 {
		var e echo
		e.add([]register.ID{"a"}, now)
		if e.due.Before(soonest) {
			soonest = e.due
		}
		if e.due.After(latest) {
			latest = e.due
		}
	}
	if latest.Sub(soonest) < longestEcho/3 || latest.Sub(now) > longestEcho {
		t.Errorf("a thousand nodes ask from %s to %s after a change", soonest.Sub(now), latest.Sub(now))
	}
}

// Of a few services all are asked for, so that nothing that others do hides for long.
func TestFewServicesHideNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := consultest.New()
		fill(c, fewServices)
		c.Fault(slowestLook)
		r := start(t, c)
		r.after(5 * time.Minute)
		requests := len(c.Requests())
		r.stirSome(20, 1500*time.Millisecond, 15*time.Second+2*verifyPause+patienceWithSync, func() {
			c.CatalogDeregister("k8s-registrar-default.shop.s025.http")
		})
		if got := len(c.CatalogServices()); got != fewServices {
			t.Errorf("%d services in the catalog, want %d", got, fewServices)
		}
		if _, some := r.questions(requests, ""); some > 0 {
			t.Errorf("%d questions were for some services alone", some)
		}
	})
}

// Where looks are fast the agent is looked at often, and the catalog still is not.
func TestLateRingsOfChecksAreTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, r := startFaulty(t, consultest.On("", "/v1/agent/services", consultest.Fault{Delay: time.Millisecond}))
		r.after(6 * time.Minute)
		requests := len(c.Requests())
		r.stir(2500*time.Millisecond, 5*time.Minute, func() {})
		if catalog, _ := r.wholeLooks(requests); catalog > 5+2 {
			t.Errorf("in five minutes of changes the whole catalog was asked for %d times", catalog)
		}
	})
}

// changeUnconfirmed changes s008 soon after the catalog was asked for what had been changed
// before, so that it is not asked for this one for a while.
func (r *rig) changeUnconfirmed() {
	requests := len(r.consul.Requests())
	for range verifyPause * 3 / 2 / (50 * time.Millisecond) { // by then it was, or all was asked for
		r.after(50 * time.Millisecond)
		if _, some := r.questions(requests, ""); some > 0 {
			break
		}
	}
	r.consul.SetKV(service("shop", "s008", 33002, ""))
	r.after(time.Second)
}

// What others change while we change other things is seen as soon as it is told apart from
// them: soon if the doorbell was heard between, and else when everything is looked at. What
// becomes of our own changes is seen in any case.
func TestOwnChangesHideNothing(t *testing.T) {
	const (
		mend = patienceWithSync + verifyPause // from when it is seen
		soon = verifyPause * 3 / 2
	)
	ours, other := "k8s-registrar-default.shop.s008.http", "k8s-registrar-default.shop.s045.http"
	for what, tt := range map[string]struct {
		harm func(c *consultest.Consul, r *rig)
		// within is how long it takes while the doorbell is heard at once, and busy while
		// there are too many changes for that.
		within, busy time.Duration
	}{
		"a change of ours does not arrive": {func(c *consultest.Consul, r *rig) {
			c.Fault(consultest.FirstOf(slowestLook, consultest.Times(1, consultest.On(http.MethodPut, "/v1/agent/service/register", consultest.Fault{NoCatalog: true}))))
		}, soon + mend, soon + mend},
		"ours is removed in the catalog":    {func(c *consultest.Consul, r *rig) { r.changeUnconfirmed(); c.CatalogDeregister(ours) }, soon + mend, soon + mend},
		"another is removed in the catalog": {func(c *consultest.Consul, r *rig) { c.CatalogDeregister(other) }, soon + mend, longestEcho + mend},
		"ours is removed by hand": {func(c *consultest.Consul, r *rig) {
			r.changeUnconfirmed()
			c.Operator().Agent().ServiceDeregister(ours) //nolint:errcheck // seen below
		}, soon + mostPutOff, soon + mostPutOff},
		"another is removed by hand": {func(c *consultest.Consul, r *rig) { c.Operator().Agent().ServiceDeregister(other) }, soon + mostPutOff, longestPause + mostPutOff}, //nolint:errcheck // seen below
		"another is removed in the catalog, and the first look fails": {func(c *consultest.Consul, r *rig) {
			c.Fault(consultest.FirstOf(slowestLook, consultest.Times(1, wholeCatalog(consultest.Fault{Status: http.StatusInternalServerError}))))
			c.CatalogDeregister(other)
		}, 2*soon + mend, longestEcho + soon + mend},
		"another is removed in the catalog just before a change of ours": {func(c *consultest.Consul, r *rig) {
			c.SetKV(service("shop", "s048", 33001, ""))
			time.Sleep(100 * time.Millisecond) // it rang twice, and is not asked again for a while
			c.CatalogDeregister(other)
			c.SetKV(service("shop", "s049", 33000, ""))
		}, longestEcho + mend, longestEcho + mend},
	} {
		for every, within := range map[time.Duration]time.Duration{
			servicesPace * 6 / 5:    tt.within,
			1500 * time.Millisecond: tt.busy,
		} {
			t.Run(fmt.Sprintf("%s, a change each %s", what, every), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					c, r := startFaulty(t, slowestLook, func(cfg *config.Config) { cfg.Reconcile.Resync, cfg.Reconcile.Verify = time.Hour, time.Hour })
					r.after(5 * time.Minute)
					r.stir(every, 10*every+within, func() { tt.harm(c, r) })
					r.holds(50)
					if got := len(c.CatalogServices()); got != 50 {
						t.Errorf("%d services in the catalog, want 50", got)
					}
					for id, local := range c.Services() {
						if held := c.CatalogServices()[id]; held.Port != local.Port {
							t.Errorf("%s has port %d in the catalog, want %d", id, held.Port, local.Port)
						}
					}
				})
			})
		}
	}
}

// A node that is taken out hears of it soon, though its own changes ring all the time: the
// command waits half a minute for the others to take over.
func TestOwnChangesHideNoMark(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, r := startFaulty(t, slowestLook)
		r.after(5 * time.Minute)
		local := register.NewLocal(c.Client(), register.Owner{Instance: "default"})
		const every = 1500 * time.Millisecond
		r.stir(every, 9*every+verifyPause*3/2+mostPutOff, func() {
			if err := local.Mark(t.Context(), register.ByCommand.Mark("kernel")); err != nil {
				t.Error(err)
			}
		})
		if r.status().Maintenance == nil {
			t.Error("it does not know yet that it is in maintenance")
		}
	})
}

// What becomes of a check of another service, right after everything was looked at and a
// change of ours, is not taken for our own ring.
func TestAChangeHidesNoCheck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, r := startFaulty(t, slowestLook, func(cfg *config.Config) { cfg.Reconcile.Resync = time.Hour })
		r.after(5 * time.Minute)
		c.SetKV(service("shop", "s000", 32000, ""))
		r.after(longestEcho - time.Second)
		c.SetKV(service("shop", "s001", 32001, ""))
		requests := len(c.Requests())
		for looks := 0; looks == 0; looks, _ = r.wholeLooks(requests) {
			r.after(50 * time.Millisecond)
		}
		const check = "k8s-registrar-default.shop.s045.http.tcp"
		c.CatalogDeregisterCheck(check)
		r.after(longestEcho + patienceWithSync)
		if _, there := c.CatalogChecks()[check]; !there {
			t.Error("it is still missing in the catalog")
		}
	})
}

// A look at the catalog gives way to changes for a while only, however slow it is.
func TestALookAtTheCatalogIsMade(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, r := startFaulty(t, consultest.FirstOf(slowLook, wholeCatalog(consultest.Fault{Delay: time.Second})))
		r.after(5 * time.Minute)
		const id = "k8s-registrar-default.shop.s045.http"
		r.stir(900*time.Millisecond, 90*time.Second, func() { c.CatalogDeregister(id) })
		if _, there := c.CatalogServices()[id]; !there {
			t.Error("it is still missing in the catalog")
		}
	})
}

// That the catalog may not be seen is said until it was seen, and not only until a change
// of ours was.
func TestABlindLookStaysOnShow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		filtered := consultest.Fault{Header: map[string]string{"X-Consul-Results-Filtered-By-Acls": "true"}}
		_, r := startFaulty(t, consultest.FirstOf(slowLook, wholeCatalog(filtered)))
		r.after(5 * time.Minute)
		for range 10 {
			r.stir(1500*time.Millisecond, 15*time.Second, func() {})
			if r.status().Catalog.Error == "" {
				t.Fatal("nothing is said of what cannot be seen")
			}
		}
	})
}
