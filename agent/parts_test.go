package agent

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/k8s-registrar/k8s-registrar/config"
	"github.com/k8s-registrar/k8s-registrar/register/consultest"
)

// fillMany fills namespaces with n services each, so that the tree is watched in parts.
func fillMany(c *consultest.Consul, n int, namespaces ...string) {
	for i, namespace := range namespaces {
		for j := range n {
			c.SetKV(service(namespace, fmt.Sprintf("%s-%03d", namespace, j), 30000+i*n+j, ""))
		}
	}
}

// reads counts the recursive reads of the tree since a number of requests.
func (r *rig) reads(since int) (paths []string) {
	for _, request := range r.consul.Requests()[since:] {
		if strings.HasPrefix(request.Path, "/v1/kv/") && request.Query.Has("recurse") {
			paths = append(paths, strings.TrimPrefix(request.Path, "/v1/kv/kubernetes/deployments/"))
		}
	}
	return paths
}

// holds checks how many services the agent holds.
func (r *rig) holds(want int) {
	r.Helper()
	if got := len(r.consul.Services()); got != want {
		r.Errorf("%d services, want %d", got, want)
	}
}

// A change costs the read of its part, and a deletion in addition one list of names.
func TestAChangeReadsItsPartOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := consultest.New()
		fillMany(c, 30, "blue", "green", "red")
		r := start(t, c)
		r.after(time.Minute).holds(90)

		requests := len(c.Requests())
		c.SetKV(service("green", "green-007", 32000, ""))
		r.after(time.Second)
		if got := r.reads(requests); !slices.Equal(got, []string{"g"}) {
			t.Errorf("a change read %q, want one read of its part", got)
		}
		if port := c.Services()["k8s-registrar-default.green.green-007.http"].Port; port != 32000 {
			t.Errorf("port %d, want 32000", port)
		}

		requests = len(c.Requests())
		c.DeleteKV("kubernetes/deployments/red/red-003")
		r.after(time.Second).holds(89)
		if got := r.reads(requests); !slices.Equal(got, []string{"r"}) {
			t.Errorf("a deletion read %q, want one read of its part", got)
		}
	})
}

// A namespace that appears is seen like any other change, and so is one that goes.
func TestNamespacesComeAndGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := consultest.New()
		fillMany(c, 30, "blue", "green", "red")
		r := start(t, c)
		r.after(time.Minute)
		for i := range 5 {
			c.SetKV(service(fmt.Sprintf("new-%d", i), fmt.Sprintf("new-%d", i), 31000+i, ""))
			r.after(100 * time.Millisecond)
			if _, there := c.Services()[fmt.Sprintf("k8s-registrar-default.new-%d.new-%d.http", i, i)]; !there && i == 0 {
				t.Error("a new namespace is not announced after 100 ms")
			}
		}
		r.after(2 * time.Second).holds(95)
		c.Deltree("kubernetes/deployments/new-2/")
		r.after(100 * time.Millisecond).holds(94)
		c.SetKV(service("new-2", "again", 31002, ""))
		r.after(2 * time.Second).holds(95)
		r.ready(true)
	})
}

// A Service that moves to another namespace, or to a new one, is never absent: what its
// old part lacks is looked for in all others before it is believed to be gone.
func TestMoveBetweenNamespacesIsNeverAbsent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := consultest.New()
		fillMany(c, 30, "blue", "green", "red")
		for i := range 5 {
			c.SetKV(service("blue", fmt.Sprintf("web-%d", i), 32000+i, ""))
		}
		r := start(t, c)
		r.after(time.Minute).holds(95)
		for i, to := range []string{"green", "new", "green-old", "red", "r"} {
			name := fmt.Sprintf("web-%d", i)
			writes := len(c.Writes())
			c.SetKV(service(to, name, 32000+i, "moved"))
			c.DeleteKV("kubernetes/deployments/blue/" + name)
			r.after(3 * time.Second).holds(95)
			var order []string
			for _, w := range c.Writes()[writes:] {
				order = append(order, w.Path)
			}
			if len(order) != 2 || order[0] != "/v1/agent/service/register" {
				t.Errorf("move to %s: writes %q, want the new one registered before the old one goes", to, order)
			}
		}
	})
}

// The watch takes no more queries than it may, and less when Consul says that there are
// too many.
func TestQueriesAreBudgeted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := consultest.New()
		var namespaces []string
		for i := range 60 {
			namespaces = append(namespaces, fmt.Sprintf("team-%02d", i))
		}
		fillMany(c, 3, namespaces...)
		r := start(t, c, func(cfg *config.Config) { cfg.Watch.Queries = 5 })
		r.after(time.Minute).holds(180)
		requests := len(c.Requests())
		r.after(10 * time.Minute)
		var waiting int
		for _, request := range c.Requests()[requests:] {
			if strings.HasPrefix(request.Path, "/v1/kv/") && request.Query.Get("index") != "" {
				waiting++
			}
		}
		if waiting > 5*12 { // each lasts 55 s at least
			t.Errorf("%d long polls in 10 minutes, want at most 5 at a time", waiting)
		}

		c.Fault(consultest.On(http.MethodGet, "/v1/kv/", consultest.Fault{Status: http.StatusTooManyRequests}))
		r.after(time.Minute).ready(true) // what is known is still true
		c.Fault(nil)
		c.SetKV(service("team-07", "late", 32700, ""))
		r.after(time.Minute).holds(181)
	})
}

// Whatever happens to a tree in parts: it ends up as it should be, and a restart finds
// nothing to do.
func TestTreeInPartsSettles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := consultest.New()
		fillMany(c, 30, "a", "b", "huge")
		fillMany(c, 200, "huge")
		r := start(t, c, func(cfg *config.Config) { cfg.Guard.AllowRemovals = true })
		r.after(time.Minute).holds(260)
		for i := range 200 { // one after the other, in all parts at once
			switch i % 4 {
			case 0:
				c.DeleteKV(fmt.Sprintf("kubernetes/deployments/huge/huge-%03d", i))
			case 1:
				c.SetKV(service("huge", fmt.Sprintf("huge-%03d", i), 20000+i, "x"))
			case 2:
				c.SetKV(service(fmt.Sprintf("ns-%d", i), fmt.Sprintf("s-%d", i), 21000+i, ""))
			case 3:
				c.SetKV(service("b", fmt.Sprintf("q%03d", i), 22000+i, ""))
			}
			time.Sleep(7 * time.Millisecond)
		}
		r.after(5 * time.Second).holds(260 - 50 + 50 + 50)
		r.ready(true)
		r.stop()
		writes := len(c.Writes())
		r = start(t, c)
		r.after(time.Minute).holds(310)
		if n := len(c.Writes()) - writes; n != 0 {
			t.Errorf("a restart made %d writes", n)
		}
	})
}
