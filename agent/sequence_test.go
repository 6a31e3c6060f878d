package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/k8s-registrar/k8s-registrar/config"
	"github.com/k8s-registrar/k8s-registrar/register"
	"github.com/k8s-registrar/k8s-registrar/register/consultest"
)

// The tests of this file are sequences of events that once broke an invariant, or
// would have: each was found by looking for it.

func portNamed(ns, name, portName string, port int) (string, string) {
	return "kubernetes/deployments/" + ns + "/" + name, fmt.Sprintf(
		`{"kind":"Service","metadata":{"name":%q,"namespace":%q},"spec":{"type":"NodePort","ports":[{"name":%q,"port":80,"nodePort":%d}]}}`,
		name, ns, portName, port)
}

// bodyFault faults PUTs of register whose body names a text.
func bodyFault(text string, f consultest.Fault) func(*http.Request) *consultest.Fault {
	return func(r *http.Request) *consultest.Fault {
		if r.Method != http.MethodPut || r.Body == nil {
			return nil
		}
		body, _ := io.ReadAll(r.Body)
		if strings.Contains(string(body), text) {
			return &f
		}
		return nil
	}
}

// A service moves to another ID, its successor cannot be registered: the
// predecessor is removed one pass later, because patience takes the failed Add out of
// the plan and with it what blocked the removal (invariant 3).
func TestMoveIsNeverAbsent(t *testing.T) {
	for name, f := range map[string]consultest.Fault{
		"EOF": {Err: io.EOF},
		"500": {Status: 500, Body: "rpc error"},
		"400": {Status: 400, Body: "Invalid"},
		"403": {Status: 403, Body: "Permission denied"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := consultest.New()
				c.SetKV(portNamed("shop", "cart", "http", 30080))
				r := start(t, c)
				r.after(5 * time.Second)
				c.Fault(bodyFault(`shop.cart.web"`, f))
				c.SetKV(portNamed("shop", "cart", "web", 30080)) // the port is renamed
				r.after(2 * time.Minute).announces("cart:30080")
			})
		})
	}
	t.Run("namespace move", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c := consultest.New()
			c.SetKV(portNamed("shop", "cart", "http", 30080))
			r := start(t, c)
			r.after(5 * time.Second)
			c.Fault(bodyFault(`store.cart.http"`, consultest.Fault{Status: 500}))
			c.SetKV(portNamed("store", "cart", "http", 30081))
			c.DeleteKV("kubernetes/deployments/shop/cart")
			r.after(2 * time.Minute).announces("cart:30080")
		})
	})
}

func rotated(t *testing.T, c *consultest.Consul, newRules consultest.Rules) (*rig, func(string)) {
	t.Helper()
	c.DenyByDefault()
	c.Grant("old", rights)
	c.Grant("new", newRules)
	path := filepath.Join(t.TempDir(), "token")
	write := func(token string) {
		if err := os.WriteFile(path, []byte(token+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("old")
	return startWithFile(t, c, path), write
}

// One service that cannot be registered keeps rekey set: every service is
// registered again in every pass, about once a second, for ever.
func TestRekeyIsDoneOncePerService(t *testing.T) {
	for name, f := range map[string]consultest.Fault{
		"EOF": {Err: io.EOF},
		"403": {Status: 403, Body: "Permission denied"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := consultest.New()
				fill(c, 20)
				r, write := rotated(t, c, rights)
				r.after(time.Minute).ready(true)
				c.Fault(bodyFault(`"k8s-registrar-default.shop.s001.http"`, f))
				write("new")
				before := len(c.Writes())
				r.after(10 * time.Minute)
				good := 0
				for _, w := range c.Writes()[before:] {
					_ = w
					good++
				}
				if good > 100 {
					t.Errorf("%d writes in 10 minutes for 20 services, one of which fails", good)
				}
			})
		})
	}
}

// An older Service that is no NodePort (and so claims no name) turns bad: it now
// claims the name, and the other service that is fine is removed (invariant 5).
func TestOlderBadValueTakesNothingDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := consultest.New()
		c.SetKV("kubernetes/deployments/a/web", `{"kind":"Service","metadata":{"name":"web","namespace":"a"},"spec":{"type":"ClusterIP","ports":[{"port":80}]}}`)
		c.SetKV(service("b", "web", 30001, ""))
		r := start(t, c)
		r.after(5 * time.Second).announces("web:30001")
		c.SetKV("kubernetes/deployments/a/web", "not json")
		r.after(time.Minute).announces("web:30001")
	})
}

// The old token is called revocable though a service that stays still has it.
func TestKeptServicesHoldTheOldToken(t *testing.T) {
	for name, harm := range map[string]func(*testing.T, *consultest.Consul, *rig) *rig{
		"held removals": func(t *testing.T, c *consultest.Consul, r *rig) *rig {
			c.Deltree("kubernetes/deployments/shop/s0") // a hundred at once: all are held
			return r.after(10 * time.Second)
		},
		"bad values after a restart": func(t *testing.T, c *consultest.Consul, r *rig) *rig {
			c.SetKV("kubernetes/deployments/shop/s000", "not json")
			r.after(time.Second)
			path := r.agent.token.path
			r.stop()
			return startWithFile(t, c, path).after(10 * time.Second)
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := consultest.New()
				fill(c, 130)
				r, write := rotated(t, c, rights)
				r.after(time.Minute)
				r = harm(t, c, r)
				write("new")
				r.after(2 * time.Minute)
				token := func(name string) string {
					return c.Services()["k8s-registrar-default.shop."+name+".http"].Meta[register.MetaToken]
				}
				again := token("s000") == token("s129")
				if _, held := c.Services()["k8s-registrar-default.shop.s000.http"]; !held {
					t.Fatal("setup")
				}
				if s := r.status(); !s.Token.OldRevocable.IsZero() && !again {
					t.Errorf("old token revocable since %v, s000 was never registered with the new one\n%s", s.Token.OldRevocable, r.log)
				}
			})
		})
	}
}

// A tree that ACLs hide is read in full, consistently, once a second for ever.
func TestHiddenTreeIsNotHammered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := consultest.New()
		c.DenyByDefault()
		c.Grant("t", consultest.Rules{Key: map[string]string{"kubernetes/deployments/shop/": "read"}, Service: map[string]string{"": "write"}, Agent: "read", Node: "read"})
		fill(c, 3)
		c.SetKV(service("hidden", "x", 30500, ""))
		r := startAs(t, c, "t")
		r.after(10 * time.Minute)
		var reads int
		for _, q := range c.Requests() {
			if strings.Contains(q.String(), "recurse") {
				reads++
			}
		}
		if reads > 10*60/20 {
			t.Errorf("%d consistent reads of the whole tree in 10 minutes, want at most one per ~30s (retry.go: denied)", reads)
		}
	})
}

// A service that the agent removed and the servers kept is nobody's divergence.
func TestGhostInTheCatalogIsNamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := consultest.New()
		fill(c, 3)
		r := start(t, c)
		r.after(time.Minute)
		c.Fault(consultest.On(http.MethodPut, "/v1/agent/service/deregister", consultest.Fault{NoCatalog: true}))
		remove(c, 0, 1)
		r.after(time.Hour)
		if _, ghost := c.CatalogServices()["k8s-registrar-default.shop.s000.http"]; !ghost {
			t.Fatal("setup: no ghost")
		}
		if s := r.status(); s.Catalog.Diverging == 0 && len(s.Problems) == 0 {
			t.Errorf("passing ghost in the catalog for an hour; ready=%v catalog=%+v problems=%v", s.Ready, s.Catalog, s.Problems)
		}
	})
}

// Restart with another token: nothing is registered with it.
func TestRestartWithANewTokenRekeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := consultest.New()
		fill(c, 3)
		r, write := rotated(t, c, rights)
		path := r.agent.token.path
		r.after(time.Minute)
		r.stop()
		write("new")
		mark := len(c.Requests())
		r = startWithFile(t, c, path)
		r.after(time.Hour)
		puts := 0
		for _, q := range c.Requests()[mark:] {
			if q.Method == http.MethodPut && q.Token == "new" {
				puts++
			}
		}
		if puts != 3 {
			t.Errorf("%d registrations with the new token in an hour, want 3", puts)
		}
	})
}

// An approval releases a second, unseen removal of the same keys.
func TestApprovalIsUsedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := consultest.New()
		r, waiting := startHolding(t, c)
		approveIn(t, c, waiting.Hash, "", 24*time.Hour)
		r.after(10 * time.Second)
		fillTwo(c) // they come back
		r.after(6 * time.Hour)
		if got := len(c.Services()); got != 40 {
			t.Fatalf("setup %d", got)
		}
		removeGone(c) // somebody's mistake
		r.after(10 * time.Second)
		if got := len(c.Services()); got != 40 {
			t.Errorf("%d services, want 40: nobody approved this plan", got)
		}
	})
}

// A restart forgets what is withheld after a restore.
func TestRestartRemembersTheEpoch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := consultest.New()
		fill(c, 2)
		old := c.Snapshot()
		fill(c, 6)
		r := start(t, c)
		r.after(5 * time.Second)
		c.Restore(old)
		r.after(time.Minute)
		if got := len(c.Services()); got != 6 {
			t.Fatalf("setup: %d", got)
		}
		r.stop()
		r = start(t, c)
		r.after(time.Minute)
		if got := len(c.Services()); got != 6 {
			t.Errorf("%d services after a restart, want 6: their removal waits for a human", got)
		}
	})
}

// A restore that is followed at once by a write is taken for deletions.
func TestRestoreOvertakenByAWriteIsSeen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := consultest.New()
		fill(c, 2)
		old := c.Snapshot()
		fill(c, 6)
		c.SetKV(service("shop", "s000", 31000, "")) // changed after the snapshot
		r := start(t, c)
		r.after(time.Minute)
		c.Restore(old)
		c.SetKV(service("shop", "new", 30900, "")) // the deployer goes on
		r.after(time.Minute)
		if got := len(c.Services()); got != 7 {
			t.Errorf("%d services, want 7: s000's ModifyIndex went back, which proves a restore", got)
		}
	})
}

// unblocked is a server that lets go of every blocking query below a path at once.
type unblocked struct {
	base  http.RoundTripper
	path  string
	limit int64
	count *atomic.Int64
}

func (u unblocked) RoundTrip(r *http.Request) (*http.Response, error) {
	if strings.HasPrefix(r.URL.Path, u.path) {
		if u.count.Add(1) < u.limit {
			q := r.URL.Query()
			q.Del("index")
			r = r.Clone(r.Context())
			r.URL.RawQuery = q.Encode()
		}
	}
	return u.base.RoundTrip(r)
}

// A doorbell that returns early with the same index is asked again at once.
func TestDriftDoesNotSpin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := consultest.New()
		fill(c, 1)
		var count atomic.Int64
		client, err := api.NewClient(&api.Config{Address: "127.0.0.1:8500", Token: TokenPlace,
			HttpClient: &http.Client{Transport: NewToken("").Transport(unblocked{c.Transport(), "/v1/catalog/node-services/", 5000, &count})}})
		if err != nil {
			t.Fatal(err)
		}
		r := startConsul(t, c, Consul{Client: client, Token: NewToken("")})
		r.after(10 * time.Second)
		if count := count.Load(); count > 100 {
			t.Errorf("%d doorbells in 10 s", count)
		}
	})
}

// The approval cannot be read, and nobody says so.
func TestUnreadableApprovalIsSaid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := consultest.New()
		c.DenyByDefault()
		c.Grant("t", consultest.Rules{Key: map[string]string{"kubernetes/deployments/": "list"}, Service: map[string]string{"": "write"}, Agent: "read", Node: "read"})
		fillTwo(c)
		r := startAs(t, c, "t")
		r.after(5 * time.Second)
		removeGone(c)
		r.after(5 * time.Second)
		approveIn(t, c, r.status().Waiting[0].Hash, "", time.Hour)
		r.after(time.Minute)
		if len(c.Services()) == 40 && r.log.count("approval") == 0 {
			t.Errorf("the approval is not seen, and not a word about why:\n%s", r.log)
		}
	})
}

// One refused service makes the whole node compare every second.
func TestOneRefusedServiceDoesNotSpinTheLoop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := consultest.New()
		fill(c, 20)
		c.Fault(bodyFault(`shop.s001.http"`, consultest.Fault{Status: 403, Body: "Permission denied"}))
		r := start(t, c)
		r.after(time.Minute)
		mark := len(c.Requests())
		r.after(time.Hour)
		var compares int
		for _, q := range c.Requests()[mark:] {
			if strings.Contains(q.String(), "/v1/agent/services") {
				compares++
			}
		}
		if compares > 3600/20 {
			t.Errorf("%d full comparisons in an hour", compares)
		}
	})
}

// An anonymous reader that loses a namespace.
func TestAnonymousReaderLosesNoNamespace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := consultest.New()
		c.DenyByDefault()
		rules := consultest.Rules{Key: map[string]string{"kubernetes/": "read"}, Service: map[string]string{"": "write"}, Agent: "read", Node: "read"}
		c.Grant("", rules)
		fill(c, 3)
		c.SetKV(service("pay", "bank", 30500, ""))
		r := start(t, c)
		r.after(time.Minute)
		if len(c.Services()) != 4 {
			t.Fatalf("setup: %d", len(c.Services()))
		}
		rules.Key = map[string]string{"kubernetes/": "read", "kubernetes/deployments/pay/": "deny"}
		c.Grant("", rules)
		c.SetKV(service("shop", "s002", 31002, "")) // any change of the rest
		r.after(time.Hour)
		if _, ok := c.Services()["k8s-registrar-default.pay.bank.http"]; !ok {
			t.Error("a hidden namespace was taken for a deleted one")
		}
	})
}

// Somebody who overwrites the catalog again and again is fought for ever, and not named.
func TestCatalogFightIsNamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := consultest.New()
		fill(c, 1)
		r := start(t, c)
		r.after(time.Minute)
		before := len(c.Writes())
		for range 60 {
			c.CatalogDeregister("k8s-registrar-default.shop.s000.http")
			r.after(35 * time.Second)
		}
		named := r.log.count("blocked") + r.log.count("somebody else")
		t.Logf("%d writes in 35 min, named %d times\n%s", len(c.Writes())-before, named, r.log)
		if named == 0 {
			t.Error("never named")
		}
	})
}

// A new token that may not list all of the tree replaces a good one.
func TestWeakerTokenIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := consultest.New()
		fill(c, 3)
		r, write := rotated(t, c, consultest.Rules{Key: map[string]string{"kubernetes/deployments/": "read", "kubernetes/deployments/shop/": "deny"}, Agent: "read", Node: "read"})
		r.after(time.Minute).ready(true)
		write("new")
		r.after(5 * time.Minute)
		s := r.status()
		if s.Token.Error == "" {
			t.Errorf("the token that can neither read the tree nor write services is in force; ready=%v %v", s.Ready, s.NotReady)
		}
	})
}

// Without agent read a converged agent compares every 10 s for ever.
func TestNoNodeNameIsNotBusyForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := consultest.New()
		c.DenyByDefault()
		c.Grant("t", consultest.Rules{Key: map[string]string{"kubernetes/": "read"}, Service: map[string]string{"": "write"}})
		fill(c, 3)
		r := startAs(t, c, "t", func(cfg *config.Config) { _ = cfg.Node.Address.UnmarshalText([]byte("10.0.0.1")) })
		r.after(10 * time.Minute)
		mark := len(c.Requests())
		r.after(time.Hour)
		var n int
		for _, q := range c.Requests()[mark:] {
			if strings.Contains(q.String(), "/v1/agent/services") {
				n++
			}
		}
		s := r.status()
		t.Logf("%d comparisons an hour; catalog status %+v", n, s.Catalog)
		if s.Catalog.Error == "" {
			t.Error("the catalog is never verified, and the status does not say why")
		}
	})
}

// An urgent change waits for the whole cold backlog: the loop is blind while a
// plan is carried out (2,768 services, 10 ms each, all ports dropping packets).
func TestUpdateDoesNotWaitForTheBacklog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := consultest.New()
		fill(c, 2)
		way := Consul{Client: c.Client(), Token: NewToken("")}
		a := newAgent(t, way, io.Discard, func(cfg *config.Config) { cfg.Check.InitialStatus = "probe" })
		a.reconciler.local.Dial = func(ctx context.Context, _, _ string) (net.Conn, error) {
			<-ctx.Done()
			return nil, errors.New("dropped")
		}
		r := run(t, c, a)
		r.after(10 * time.Second)
		c.Fault(consultest.On(http.MethodPut, "/v1/agent/service/register", consultest.Fault{Delay: 10 * time.Millisecond}))
		fill(c, 1000)
		r.after(2 * time.Second)
		begin := time.Now()
		c.SetKV(service("shop", "s000", 32000, "")) // the port moved: the old one is dead
		for c.Services()["k8s-registrar-default.shop.s000.http"].Port != 32000 {
			time.Sleep(100 * time.Millisecond)
			if time.Since(begin) > 5*time.Minute {
				break
			}
		}
		if took := time.Since(begin); took > 5*time.Second { // the whole backlog takes 20 s
			t.Errorf("a changed port was announced after %v behind 998 cold additions", took.Round(time.Second))
		}
	})
}

// The one-shot command knows nothing of what the daemon withholds or holds.
func TestOneShotApplyRefusesBesideADaemon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := consultest.New()
		fill(c, 40)
		r := start(t, c)
		r.after(5 * time.Second)
		remove(c, 0, 10)
		r.after(5 * time.Second)
		remove(c, 10, 18)
		r.after(5 * time.Second)
		r.holding(8)
		once := newAgent(t, Consul{Client: c.Client(), Token: NewToken("")}, r.log)
		pass, err := once.Plan(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := once.Apply(t.Context(), pass, nil); !errors.Is(err, ErrClaimed) {
			t.Errorf("Apply beside a daemon: %v", err)
		}
		if got := len(c.Services()); got != 30 {
			t.Errorf("%d services, want 30: 8 removals wait for a human in the daemon; plan shows waiting=%v", got, pass.Waiting)
		}
	})
}

// More additions than a pass carries out are refused, and stand before everything else: maxSteps cuts the
// plan after steps that only wait, so what comes after them is never tried.
func TestDeferredStepsDoNotStarveTheRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := consultest.New()
		c.SetKV(service("shop", "cart", 30080, ""))
		r := start(t, c)
		r.after(10 * time.Second)
		c.Fault(bodyFault(`k8s-registrar-default.aaa.`, consultest.Fault{Status: 403, Body: "Permission denied"}))
		for i := range maxSteps + 50 {
			c.SetKV(service("aaa", fmt.Sprintf("x%03d", i), 31000+i, ""))
		}
		r.after(time.Minute)
		c.SetKV(service("shop", "cart", 30090, "")) // moves: the old port is dead
		r.after(5 * time.Minute).announces("cart:30090")
	})
}

// The same with 400, which is no error: the next pass follows at once, for ever.
func TestInvalidStepsDoNotSpin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := consultest.New()
		c.SetKV(service("shop", "cart", 30080, ""))
		r := start(t, c)
		r.after(10 * time.Second)
		bad := bodyFault(`k8s-registrar-default.aaa.`, consultest.Fault{Status: 400, Body: "Invalid"})
		slow := consultest.On(http.MethodGet, "/v1/agent/services", consultest.Fault{Delay: 20 * time.Millisecond})
		c.Fault(consultest.FirstOf(bad, slow))
		for i := range maxSteps + 50 {
			c.SetKV(service("aaa", fmt.Sprintf("x%03d", i), 31000+i, ""))
		}
		r.after(5 * time.Second)
		mark := len(c.Requests())
		r.after(20 * time.Second)
		var n int
		for _, q := range c.Requests()[mark:] {
			if strings.Contains(q.String(), "/v1/agent/services") {
				n++
			}
		}
		if n > 10 {
			t.Errorf("%d comparisons in 20 s", n)
		}
	})
}

// A 403 for one question about the token makes every service differ.
func TestTransient403KeepsTheTokensName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := consultest.New()
		fill(c, 50)
		r, _ := rotated(t, c, rights)
		r.after(2 * time.Minute)
		before := len(c.Writes())
		c.Fault(consultest.Times(1, consultest.On(http.MethodGet, "/v1/acl/token/self", consultest.Fault{Status: 403, Body: "ACL not found"})))
		r.after(5 * time.Minute)
		if n := len(c.Writes()) - before; n != 0 {
			t.Errorf("%d writes because the token's name could not be asked for once", n)
		}
	})
}
