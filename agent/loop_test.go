package agent

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/go-hclog"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/k8s-registrar/k8s-registrar/config"
	"github.com/k8s-registrar/k8s-registrar/register/consultest"
)

// rig is an agent and a Consul in one bubble.
type rig struct {
	*testing.T
	consul *consultest.Consul
	agent  *Agent
	log    *logBuffer
	stop   func()
}

// start runs an agent without a token until the test ends or stop is called.
func start(t *testing.T, consul *consultest.Consul, change ...func(*config.Config)) *rig {
	t.Helper()
	return startAs(t, consul, "", change...)
}

func startAs(t *testing.T, consul *consultest.Consul, token string, change ...func(*config.Config)) *rig {
	t.Helper()
	return startConsul(t, consul, Consul{Client: consul.ClientWithToken(token), Token: NewToken(token)}, change...)
}

func startConsul(t *testing.T, consul *consultest.Consul, way Consul, change ...func(*config.Config)) *rig {
	t.Helper()
	log := &logBuffer{}
	r := run(t, consul, newAgent(t, way, log, change...))
	r.log = log
	return r
}

// run runs an agent until the test ends or stop is called.
func run(t *testing.T, consul *consultest.Consul, agent *Agent) *rig {
	t.Helper()
	r := &rig{T: t, consul: consul, agent: agent}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- r.agent.Run(ctx) }()
	r.stop = sync.OnceFunc(func() {
		cancel()
		begin := time.Now()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
		if took := time.Since(begin); took > 5*time.Second {
			t.Errorf("stopping took %v", took)
		}
	})
	t.Cleanup(r.stop)
	return r
}

func newAgent(t *testing.T, way Consul, log io.Writer, change ...func(*config.Config)) *Agent {
	t.Helper()
	cfg := config.Default()
	cfg.Telemetry.Listen = "" // a socket would stop the bubble's clock
	cfg.Check.InitialStatus = "passing"
	for _, c := range change {
		c(&cfg)
	}
	return New(cfg, way, newLogger(log), prometheus.NewPedanticRegistry())
}

func newLogger(w io.Writer) hclog.Logger {
	return hclog.New(&hclog.LoggerOptions{Output: w, DisableTime: true, Level: hclog.Info})
}

// after lets time pass and everything settle.
func (r *rig) after(d time.Duration) *rig {
	time.Sleep(d)
	synctest.Wait()
	return r
}

// announces checks which services the agent and the catalog hold, as name:port.
func (r *rig) announces(want ...string) {
	r.Helper()
	var local, catalog []string
	for _, s := range r.consul.Services() {
		local = append(local, fmt.Sprintf("%s:%d", s.Service, s.Port))
	}
	for _, s := range r.consul.CatalogServices() {
		catalog = append(catalog, fmt.Sprintf("%s:%d", s.Service, s.Port))
	}
	slices.Sort(local)
	slices.Sort(catalog)
	slices.Sort(want)
	if diff := cmp.Diff(want, local); diff != "" {
		r.Errorf("local agent (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want, catalog); diff != "" {
		r.Errorf("catalog (-want +got):\n%s", diff)
	}
}

func (r *rig) status() Status { return r.agent.board.status(time.Now()) }

func (r *rig) ready(want bool) {
	r.Helper()
	if s := r.status(); s.Ready != want {
		r.Errorf("ready = %v (%s), want %v", s.Ready, s.NotReady, want)
	}
}

// logBuffer is an io.Writer for several goroutines.
type logBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// count returns how many log lines contain a text.
func (b *logBuffer) count(text string) int { return strings.Count(b.String(), text) }

// service is a NodePort Service as the API server prints it, shortened.
func service(namespace, name string, port int, tags string) (key, value string) {
	return "kubernetes/deployments/" + namespace + "/" + name, fmt.Sprintf(
		`{"kind":"Service","metadata":{"name":%q,"namespace":%q,"annotations":{"tags":%q}},"spec":{"type":"NodePort","ports":[{"name":"http","port":80,"nodePort":%d}]}}`,
		name, namespace, tags, port)
}

func fill(c *consultest.Consul, n int) {
	for i := range n {
		c.SetKV(service("shop", fmt.Sprintf("s%03d", i), 30000+i, "a"))
	}
}

func TestChangeAddUpdateDelete(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := consultest.New()
		c.SetKV(service("shop", "cart", 30080, "red,blue"))
		r := start(t, c)
		r.after(time.Second).announces("cart:30080")
		r.ready(true)

		c.SetKV(service("shop", "web", 30081, ""))
		r.after(time.Second).announces("cart:30080", "web:30081")

		c.SetKV(service("shop", "cart", 30090, "red"))
		r.after(time.Second).announces("cart:30090", "web:30081")
		tags := c.CatalogServices()["k8s-registrar-default.shop.cart.http"].Tags
		if diff := cmp.Diff([]string{"red"}, []string(tags)); diff != "" {
			t.Error(diff)
		}

		c.DeleteKV("kubernetes/deployments/shop/cart")
		r.after(time.Second).announces("web:30081")
		c.DeleteKV("kubernetes/deployments/shop/web")
		r.after(5 * time.Second).announces()
		r.ready(true)
	})
}

// TestNothingIsRemovedBeforeTheFirstKnowledge is invariant 2.
func TestNothingIsRemovedBeforeTheFirstKnowledge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := consultest.New()
		c.SetKV(service("shop", "cart", 30080, ""))
		r := start(t, c)
		r.after(time.Second)
		r.stop()

		// The tree cannot be read for ten minutes, and the service is gone from it.
		c.DeleteKV("kubernetes/deployments/shop/cart")
		c.Fault(consultest.On("GET", "/v1/kv/", consultest.Fault{Status: http.StatusInternalServerError, Body: "No cluster leader"}))
		writes := len(c.Writes())
		r = start(t, c)
		r.after(10 * time.Minute).announces("cart:30080")
		r.ready(false)
		if got := len(c.Writes()); got != writes {
			t.Errorf("%d writes without knowledge", got-writes)
		}

		c.Fault(nil)
		r.after(30 * time.Second).announces()
	})
}

// TestConvergedAgentIsSilent is invariant 4: hours without a write, and without a
// line in the log.
func TestConvergedAgentIsSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := consultest.New()
		fill(c, 20)
		r := start(t, c)
		r.after(5 * time.Second)
		writes, lines := len(c.Writes()), r.log.count("\n")
		r.after(6 * time.Hour)
		if got := len(c.Writes()); got != writes {
			t.Errorf("%d writes in 6 idle hours", got-writes)
		}
		if got := r.log.count("\n"); got != lines {
			t.Errorf("%d log lines in 6 idle hours:\n%s", got-lines, r.log)
		}
		r.ready(true)
	})
}

// TestOneBadValueHarmsOnlyItself is invariant 5.
func TestOneBadValueHarmsOnlyItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := consultest.New()
		fill(c, 3)
		r := start(t, c)
		r.after(time.Second)
		c.SetKV("kubernetes/deployments/shop/s001", "not json")
		c.SetKV("kubernetes/deployments/shop/new", `{"metadata":{"name":"new"},"spec":{"type":"NodePort","ports":[{"nodePort":70000}]}}`)
		c.SetKV(service("shop", "s002", 31002, ""))
		r.after(5*time.Second).announces("s000:30000", "s001:30001", "s002:31002")
		s := r.status()
		if len(s.Problems) != 2 || s.Problems[1].Key != "kubernetes/deployments/shop/s001" {
			t.Errorf("problems = %+v", s.Problems)
		}
		r.ready(true)

		// Also over a restart: what is registered and still has a key is kept.
		r.stop()
		r = start(t, c)
		r.after(5*time.Second).announces("s000:30000", "s001:30001", "s002:31002")
		if n := r.log.count("key=kubernetes/deployments/shop/s001 "); n != 1 {
			t.Errorf("the problem is logged %d times, want once:\n%s", n, r.log)
		}

		c.SetKV(service("shop", "s001", 31001, ""))
		c.DeleteKV("kubernetes/deployments/shop/new")
		r.after(5*time.Second).announces("s000:30000", "s001:31001", "s002:31002")
		if s := r.status(); len(s.Problems) != 0 {
			t.Errorf("problems = %+v", s.Problems)
		}
	})
}

// A service that Consul refuses does not make the others wait, nor the node unready.
func TestARefusedServiceHarmsOnlyItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := consultest.New()
		c.Fault(func(r *http.Request) *consultest.Fault {
			if r.Method != http.MethodPut {
				return nil
			}
			body, _ := io.ReadAll(r.Body)
			r.Body = io.NopCloser(bytes.NewReader(body))
			if strings.Contains(string(body), "s001") {
				return &consultest.Fault{Status: http.StatusBadRequest, Body: "Invalid service"}
			}
			return nil
		})
		fill(c, 3)
		r := start(t, c)
		r.after(10*time.Minute).announces("s000:30000", "s002:30002")
		r.ready(true)
		if s := r.status(); len(s.Problems) != 1 || !strings.Contains(s.Problems[0].Error, "Invalid service") {
			t.Errorf("problems = %+v", s.Problems)
		}
	})
}

// TestBigRemovalsWait is invariant 6.
func TestBigRemovalsWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := consultest.New()
		fillTwo(c)
		r := start(t, c)
		r.after(5 * time.Second)
		removeGone(c)
		c.SetKV(service("shop", "new", 32000, ""))
		c.SetKV(service("shop", "s000", 32001, ""))
		r.after(30 * time.Minute)
		s := r.status()
		if len(s.Services) != 41 || len(s.Waiting) != 1 || len(s.Waiting[0].Keys) != 20 {
			t.Errorf("%d services, waiting %v", len(s.Services), s.Waiting)
		}
		if port := c.Services()["k8s-registrar-default.shop.s000.http"].Port; port != 32001 {
			t.Errorf("an update waited with the removals: port %d", port)
		}
		r.ready(true)
		r.stop()

		r = start(t, c, func(cfg *config.Config) { cfg.Guard.AllowRemovals = true })
		r.after(5 * time.Second)
		if s := r.status(); len(s.Services) != 21 || len(s.Waiting) != 0 {
			t.Errorf("%d services, waiting %v after removals were allowed", len(s.Services), s.Waiting)
		}
	})
}

// TestSmallTreesCanBeEmptied: up to guard.min services need no human.
func TestSmallTreesCanBeEmptied(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := consultest.New()
		fill(c, 10)
		r := start(t, c)
		r.after(5 * time.Second)
		c.Deltree("kubernetes/deployments/")
		r.after(5 * time.Second).announces()
	})
}

// TestItNeverGivesUp is invariant 7.
func TestItNeverGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := consultest.New()
		c.Down()
		r := start(t, c)
		r.after(time.Hour)
		r.ready(false)
		if n := r.log.count("[WARN]"); n != 1 {
			t.Errorf("%d warnings about one absence:\n%.2000s", n, r.log)
		}
		c.SetKV(service("shop", "cart", 30080, ""))
		c.Up()
		r.after(3 * time.Second).announces("cart:30080")
		r.ready(true)
	})
}

// What the agent has lost is there again within 2 s of its return.
func TestAgentComesBackEmpty(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := consultest.New()
		fill(c, 5)
		r := start(t, c)
		r.after(5 * time.Second)
		c.Down()
		c.Wipe()
		r.after(time.Minute).ready(false)
		c.Up()
		r.after(2*time.Second).announces("s000:30000", "s001:30001", "s002:30002", "s003:30003", "s004:30004")
	})
}

// An agent that comes back with its services is not written to.
func TestAgentComesBackWhole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := consultest.New()
		fill(c, 5)
		r := start(t, c)
		r.after(5 * time.Second)
		writes := len(c.Writes())
		c.Down()
		r.after(time.Minute)
		c.Up()
		r.after(time.Minute)
		if got := len(c.Writes()); got != writes {
			t.Errorf("%d writes to an agent that had lost nothing: %v", got-writes, c.Writes()[writes:])
		}
		r.ready(true)
	})
}

// TestDriftIsRepaired: whatever is edited by hand comes back within a second or so.
func TestDriftIsRepaired(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := consultest.New()
		fill(c, 3)
		r := start(t, c)
		r.after(5 * time.Second)
		id := "k8s-registrar-default.shop.s001.http"
		if err := c.Operator().Agent().ServiceDeregister(id); err != nil {
			t.Fatal(err)
		}
		r.after(2*time.Second).announces("s000:30000", "s001:30001", "s002:30002")

		// A check that goes changes nothing in the catalog's list of services.
		if err := c.Operator().Agent().CheckDeregister(id + ".tcp"); err != nil {
			t.Fatal(err)
		}
		r.after(2 * time.Second)
		if _, ok := c.Checks()[id+".tcp"]; !ok {
			t.Error("a check that was removed by hand is not there again after two seconds")
		}
	})
}

// TestMaintenanceSurvives is invariant 10.
func TestMaintenanceSurvives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := consultest.New()
		fill(c, 2)
		r := start(t, c)
		r.after(5 * time.Second)
		id := "k8s-registrar-default.shop.s001.http"
		if err := c.Operator().Agent().EnableServiceMaintenance(id, "by hand"); err != nil {
			t.Fatal(err)
		}
		c.SetKV(service("shop", "s001", 31001, "changed"))
		r.after(time.Hour)
		r.stop()
		r = start(t, c)
		r.after(time.Minute).announces("s000:30000", "s001:31001")
		if _, ok := c.Checks()["_service_maintenance:"+id]; !ok {
			t.Error("maintenance mode was lifted")
		}
	})
}

// TestForeignServicesAreNotTouched is the other half of invariant 2.
func TestForeignServicesAreNotTouched(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := consultest.New()
		foreign := []string{
			`{"ID":"cart","Name":"cart","Port":1}`,                                                                    // the old stack's
			`{"ID":"k8s-registrar-default.shop.s001.http","Name":"mine","Port":2}`,                                    // our ID without our meta
			`{"ID":"x","Name":"x","Port":3,"Meta":{"managed-by":"k8s-registrar","k8s-registrar-instance":"default"}}`, // our meta without our ID
			`{"ID":"k8s-registrar-other.shop.s000.http","Name":"s000","Port":4,"Meta":{"managed-by":"k8s-registrar","k8s-registrar-instance":"other"}}`,
		}
		for _, body := range foreign {
			if _, err := c.Operator().Raw().Write("/v1/agent/service/register", json.RawMessage(body), nil, nil); err != nil {
				t.Fatal(err)
			}
		}
		before := c.Services()
		fill(c, 2)
		r := start(t, c)
		r.after(time.Hour).announces("cart:1", "mine:2", "x:3", "s000:4", "s000:30000")
		for id, want := range before {
			if diff := cmp.Diff(want, c.Services()[id]); diff != "" {
				t.Errorf("%s (-before +after):\n%s", id, diff)
			}
		}
		if s := r.status(); len(s.Problems) != 1 || s.Problems[0].ID != "k8s-registrar-default.shop.s001.http" {
			t.Errorf("problems = %+v", s.Problems)
		}
	})
}

// TestNoWriteWithoutALeader is rule R4: it would freeze the local agent for all.
func TestNoWriteWithoutALeader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := consultest.New()
		fill(c, 3)
		r := start(t, c)
		r.after(5 * time.Second)
		if err := c.Operator().Agent().ServiceDeregister("k8s-registrar-default.shop.s001.http"); err != nil {
			t.Fatal(err)
		}
		c.SetLeader("")
		writes := len(c.Writes())
		r.after(10 * time.Minute).ready(false)
		if got := len(c.Writes()); got != writes {
			t.Errorf("%d writes without a leader", got-writes)
		}
		c.SetLeader("127.0.0.1:8300")
		r.after(15*time.Second).announces("s000:30000", "s001:30001", "s002:30002")
		r.ready(true)
	})
}

// TestLosingTheRightToReadRemovesNothing is what wiped the old stack in 0.4 s.
func TestLosingTheRightToReadRemovesNothing(t *testing.T) {
	for name, revoke := range map[string]func(*consultest.Consul){
		"token deleted": func(c *consultest.Consul) { c.Revoke("t") },
		"no key rule": func(c *consultest.Consul) {
			c.Grant("t", consultest.Rules{Service: map[string]string{"": "write"}, Agent: "read", Node: "read"})
		},
		"another tree": func(c *consultest.Consul) {
			c.Grant("t", consultest.Rules{Key: map[string]string{"other/": "read"}, Service: map[string]string{"": "write"}, Agent: "read", Node: "read"})
		},
		"a part of the tree": func(c *consultest.Consul) {
			c.Grant("t", consultest.Rules{Key: map[string]string{"kubernetes/deployments/shop/s000": "read"}, Service: map[string]string{"": "write"}, Agent: "read", Node: "read"})
		},
		"list policy enabled": func(c *consultest.Consul) { c.RequireKeyList(true) },
	} {
		t.Run(name, func(t *testing.T) {
			eachWay(t, func(t *testing.T, c *consultest.Consul) {
				c.DenyByDefault()
				c.Grant("t", consultest.Rules{Key: map[string]string{"kubernetes/deployments/": "read"}, Service: map[string]string{"": "write"}, Agent: "read", Node: "read"})
				fill(c, 5)
				r := startAs(t, c, "t")
				r.after(5 * time.Second).ready(true)
				want := slices.Sorted(maps.Keys(c.Services()))

				revoke(c)
				c.TouchKV("kubernetes/deployments/shop/s000")
				r.after(10 * time.Minute)
				if diff := cmp.Diff(want, slices.Sorted(maps.Keys(c.Services()))); diff != "" {
					t.Error(diff)
				}
				r.ready(false)
			})
		})
	}
}

// Without a token and with ACLs that deny, Consul says neither "forbidden" nor
// "filtered": the tree just looks empty.
func TestAnonymousReaderRemovesNothing(t *testing.T) {
	eachWay(t, func(t *testing.T, c *consultest.Consul) {
		fill(c, 5)
		r := start(t, c)
		r.after(5 * time.Second)
		want := slices.Sorted(maps.Keys(c.Services()))
		c.DenyByDefault()
		c.TouchKV("kubernetes/deployments/shop/s000")
		r.after(10 * time.Minute)
		if diff := cmp.Diff(want, slices.Sorted(maps.Keys(c.Services()))); diff != "" {
			t.Error(diff)
		}
		r.ready(false)
		c.AllowAll()
		r.after(time.Minute).ready(true)
	})
}

// TestRestoreRemovesNothing is fact 7 and rule W9.
func TestRestoreRemovesNothing(t *testing.T) {
	eachWay(t, func(t *testing.T, c *consultest.Consul) {
		fill(c, 2)
		old := c.Snapshot()
		fill(c, 6)
		c.SetKV(service("shop", "s001", 31111, ""))
		r := start(t, c)
		r.after(5 * time.Second)

		c.Restore(old)
		r.after(time.Minute)
		c.FullSync() // the catalog went back too; Consul's agent mends it
		r.announces("s000:30000", "s001:30001", "s002:30002", "s003:30003", "s004:30004", "s005:30005")
		if s := r.status(); len(s.Waiting) != 1 || !s.Waiting[0].Withheld || len(s.Waiting[0].Keys) != 4 {
			t.Errorf("waiting = %+v, want the 4 keys that are withheld", s.Waiting)
		}
		r.ready(true)

		// Writes go on, and the index overtakes the old one: still nothing is lost.
		for range 30 {
			c.TouchKV("kubernetes/deployments/shop/s000")
		}
		c.SetKV(service("shop", "s007", 30007, ""))
		r.after(time.Minute).announces("s000:30000", "s001:30001", "s002:30002", "s003:30003", "s004:30004", "s005:30005", "s007:30007")

		// The deployer writes them again: the epoch ends.
		fill(c, 6)
		r.after(time.Minute)
		r.holding(0)
		c.DeleteKV("kubernetes/deployments/shop/s005")
		r.after(time.Minute).announces("s000:30000", "s001:30001", "s002:30002", "s003:30003", "s004:30004", "s007:30007")
	})
}

func TestTombstonesAreReaped(t *testing.T) {
	eachWay(t, func(t *testing.T, c *consultest.Consul) {
		fill(c, 3)
		r := start(t, c)
		r.after(5 * time.Second)
		c.DeleteKV("kubernetes/deployments/shop/s002")
		r.after(20 * time.Minute)
		c.ReapTombstones()
		r.after(20*time.Minute).announces("s000:30000", "s001:30001")
		r.holding(0)
	})
}

// TestAnswersFromNowhere: a proxy, a captive portal or a broken agent.
func TestAnswersFromNowhere(t *testing.T) {
	for name, fault := range map[string]consultest.Fault{
		"404 of a proxy":   {Status: http.StatusNotFound, Body: "not here"},
		"200 of a proxy":   {Status: http.StatusOK, Body: "[]"},
		"not JSON":         {Status: http.StatusOK, Body: "<html>"},
		"429":              {Status: http.StatusTooManyRequests},
		"500":              {Status: http.StatusInternalServerError, Body: "rpc error"},
		"503":              {Status: http.StatusServiceUnavailable},
		"connection reset": {Err: errors.New("connection reset by peer")},
		"never":            {Delay: 365 * 24 * time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			eachWay(t, func(t *testing.T, c *consultest.Consul) {
				fill(c, 5)
				r := start(t, c)
				r.after(5 * time.Second)
				writes := len(c.Writes())
				c.Fault(consultest.On("GET", "/v1/kv/", fault))
				r.after(30 * time.Minute).ready(false)
				if got := len(c.Writes()); got != writes {
					t.Errorf("%d writes", got-writes)
				}
				c.Fault(nil)
				c.SetKV(service("shop", "s005", 30005, ""))
				r.after(3 * time.Minute).ready(true)
				r.announces("s000:30000", "s001:30001", "s002:30002", "s003:30003", "s004:30004", "s005:30005")
			})
		})
	}
}

// A read that never ends must not end the watch.
func TestReadThatHangs(t *testing.T) {
	eachWay(t, func(t *testing.T, c *consultest.Consul) {
		fill(c, 2)
		r := start(t, c)
		r.after(5 * time.Second)
		c.Fault(consultest.Times(1, func(r *http.Request) *consultest.Fault {
			if !r.URL.Query().Has("recurse") {
				return nil
			}
			return &consultest.Fault{Delay: 365 * 24 * time.Hour}
		}))
		c.SetKV(service("shop", "s002", 30002, ""))
		r.after(2*time.Minute).announces("s000:30000", "s001:30001", "s002:30002")
	})
}

// An empty prefix rings on every write of the whole datacenter.
func TestEmptyTreeDoesNotSpin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := consultest.New()
		r := start(t, c)
		r.after(10 * time.Second)
		before := len(c.Requests())
		for range 1000 {
			c.SetKV("elsewhere", time.Now().String())
			r.after(10 * time.Millisecond)
		}
		if got := len(c.Requests()) - before; got > 100 {
			t.Errorf("%d requests in 10 s of writes elsewhere", got)
		}
		c.SetKV(service("shop", "cart", 30080, ""))
		r.after(3 * time.Second).announces("cart:30080")
	})
}

// Many changes at once are read a few times, and the last state counts.
func TestBurstIsCoalesced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := consultest.New()
		fill(c, 5)
		r := start(t, c)
		r.after(5 * time.Second)
		before := len(c.Requests())
		for i := range 1000 {
			c.SetKV(service("shop", "s000", 31000+i, ""))
			r.after(time.Millisecond)
		}
		r.after(time.Second).announces("s000:31999", "s001:30001", "s002:30002", "s003:30003", "s004:30004")
		if got := len(c.Requests()) - before; got > 200 {
			t.Errorf("%d requests for 1000 changes in a second", got)
		}
	})
}

// TestKilledAtAnyInstant is invariant 13: the process ends after its n-th request, for
// every n, and the next one converges.
func TestKilledAtAnyInstant(t *testing.T) {
	for n := range 40 {
		synctest.Test(t, func(t *testing.T) {
			c := consultest.New()
			fill(c, 4)
			r := start(t, c)
			r.after(5 * time.Second)
			r.stop()
			c.SetKV(service("shop", "s000", 31000, ""))
			c.DeleteKV("kubernetes/deployments/shop/s001")
			c.SetKV(service("shop", "s009", 30009, ""))

			var requests int
			var mu sync.Mutex
			c.Fault(func(*http.Request) *consultest.Fault {
				mu.Lock()
				defer mu.Unlock()
				if requests++; requests > n {
					return &consultest.Fault{Err: io.EOF, After: requests == n+1}
				}
				return nil
			})
			r = start(t, c)
			r.after(5 * time.Second)
			r.stop()
			c.Fault(nil)
			r = start(t, c)
			r.after(5*time.Second).announces("s000:31000", "s002:30002", "s003:30003", "s009:30009")
		})
	}
}

func TestHTTP(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := consultest.New()
		fill(c, 2)
		get := func(a *Agent, path string) (int, string) {
			w := httptest.NewRecorder()
			handler(a.board, a.registry, nil).ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
			return w.Code, w.Body.String()
		}
		unstarted := newAgent(t, Consul{Client: c.Client(), Token: NewToken("")}, io.Discard)
		if code, body := get(unstarted, "/-/ready"); code != http.StatusServiceUnavailable || !strings.Contains(body, "not known yet") {
			t.Errorf("ready before knowledge: %d %s", code, body)
		}
		r := start(t, c)
		r.after(5 * time.Second)
		for path, want := range map[string]string{
			"/-/ready":   "ready",
			"/-/healthy": "healthy",
			"/metrics":   `k8s_registrar_registered_services{status="passing"} 2`,
			"/":          "/metrics",
			"/status":    `"name": "s001"`,
		} {
			if code, body := get(r.agent, path); code != http.StatusOK || !strings.Contains(body, want) {
				t.Errorf("GET %s = %d, want %q in\n%s", path, code, want, body)
			}
		}
		var status Status
		_, body := get(r.agent, "/status")
		if err := json.Unmarshal([]byte(body), &status); err != nil || len(status.Services) != 2 || !status.Ready {
			t.Errorf("status: %v %+v", err, status)
		}
		if code, _ := get(r.agent, "/nothing"); code != http.StatusNotFound {
			t.Errorf("GET /nothing = %d", code)
		}
	})
}
