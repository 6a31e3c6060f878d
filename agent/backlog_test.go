package agent

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/k8s-registrar/k8s-registrar/register"
	"github.com/k8s-registrar/k8s-registrar/register/consultest"
)

// backlog returns what is shown, having checked that people and Prometheus are told the same.
func (r *rig) backlog() int {
	r.Helper()
	shown := r.status().Backlog
	if counted := testutil.ToFloat64(r.agent.metrics.backlog); counted != float64(shown) {
		r.Errorf("the metric says %v, the status %d", counted, shown)
	}
	return shown
}

// slowWrites makes everything take a while that a large node does.
func slowWrites(r *http.Request) *consultest.Fault {
	if r.Method == http.MethodPut {
		return &consultest.Fault{Delay: 10 * time.Millisecond}
	}
	return slowLook(r)
}

// While a large tree is being registered everybody sees how far it is: what is not registered
// yet is to go, also where a pass gave way to a change, and where that change was about what
// was to go.
func TestBacklogIsShown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := consultest.New()
		c.SetKV(service("shop", "cart", 32000, ""))
		c.Fault(slowWrites)
		r := start(t, c)
		r.after(time.Minute).holds(1)
		fill(c, 1000)
		var seen []int
		for i := range 300 {
			r.after(50 * time.Millisecond)
			switch i {
			case 20:
				c.SetKV(service("shop", "new", 32001, ""))
			case 25:
				c.SetKV(service("shop", "cart", 32002, ""))
			case 30: // the last ones
				c.SetKV(service("shop", "s998", 32003, ""))
				c.DeleteKV("kubernetes/deployments/shop/s999")
			}
			s := r.status()
			if n := r.backlog(); n != s.Desired-len(s.Services) {
				t.Errorf("after %d looks: %d to go, with %d of %d services", i, n, len(s.Services), s.Desired)
			} else if len(seen) == 0 || seen[len(seen)-1] != n {
				seen = append(seen, n)
			}
		}
		r.holds(1001)
		if seen[len(seen)-1] != 0 || len(seen) < 5 {
			t.Errorf("the backlog was %v", seen)
		}
	})
}

// Updates are to go as well, though as many services are announced as should be.
func TestBacklogOfUpdates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := consultest.New()
		fill(c, maxSteps+100)
		c.Fault(slowWrites)
		r := start(t, c)
		r.after(time.Minute).holds(maxSteps + 100)
		r.stop()
		for i := range maxSteps + 100 {
			c.SetKV(service("shop", fmt.Sprintf("s%03d", i), 30000+i, "changed"))
		}
		r = start(t, c) // and finds all of it changed
		most := 0
		for range 100 {
			r.after(50 * time.Millisecond)
			old := 0
			for _, s := range r.status().Services {
				if !slices.Contains(s.Tags, "changed") {
					old++
				}
			}
			n := r.backlog()
			most = max(most, n)
			if n != old {
				t.Errorf("%d to go, with %d services as they were", n, old)
			}
		}
		if n := r.backlog(); n != 0 || most < 100 {
			t.Errorf("%d to go at the end, and %d at most", n, most)
		}
	})
}

// What was not tried since the servers have lost their leader is to go.
func TestBacklogOfAPlanThatStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := consultest.New()
		fill(c, 1000)
		c.Fault(slowWrites)
		r := start(t, c)
		r.after(2 * time.Second)
		c.SetLeader("")
		r.after(10 * time.Second).ready(false)
		s := r.status()
		if n := r.backlog(); n == 0 || n != s.Desired-len(s.Services)-len(s.Problems) {
			t.Errorf("%d to go, with %d of %d services, and %d that failed", n, len(s.Services), s.Desired, len(s.Problems))
		}
		c.SetLeader("127.0.0.1:8300")
		r.after(time.Minute).ready(true)
		if n := r.backlog(); n != 0 {
			t.Errorf("%d to go at the end", n)
		}
	})
}

// Nor was what a few keys asked for that changed, and nobody compares before there is one.
func TestBacklogOfAChangeThatStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, r := startLarge(t)
		c.Fault(consultest.FirstOf(
			consultest.On(http.MethodGet, "/v1/status/leader", consultest.Fault{Status: 200, Body: `""`}),
			consultest.On(http.MethodPut, "/v1/agent/service/register", consultest.Fault{Delay: 3 * time.Second}), // so it is asked for
		))
		for i := range 3 {
			c.SetKV(service("shop", fmt.Sprintf("new%d", i), 32000+i, ""))
		}
		r.after(20 * time.Second).ready(false)
		if n := r.backlog(); n != 2 {
			t.Errorf("%d to go of three, of which the first was tried", n)
		}
		c.Fault(nil)
		r.after(time.Minute).holds(53)
		if n := r.backlog(); n != 0 {
			t.Errorf("%d to go at the end", n)
		}
	})
}

// All of a plan is to go before any of it was tried.
func TestBacklogBeforeAnythingIsTried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := consultest.New()
		fill(c, 200)
		a := newAgent(t, Consul{Client: c.Client(), Token: NewToken("")}, io.Discard)
		pass, err := a.Plan(t.Context())
		if err != nil || len(pass.Backlog) != 200 {
			t.Errorf("%d of 200 to go (%v)", len(pass.Backlog), err)
		}
		if pass, err = a.Apply(t.Context(), pass, nil); err != nil || len(pass.Backlog) != 0 {
			t.Errorf("%d to go at the end (%v)", len(pass.Backlog), err)
		}
	})
}

// What was refused is not to go, nor what waits for a human.
func TestBacklogIsNotWhatWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := consultest.New()
		fill(c, 40)
		r := start(t, c)
		r.after(time.Minute).holds(40)
		c.Fault(bodyFault("k8s-registrar-default.aaa.", consultest.Fault{Status: 403, Body: "Permission denied"}))
		for i := range 20 {
			c.SetKV(service("aaa", fmt.Sprintf("x%03d", i), 31000+i, ""))
		}
		remove(c, 0, 30)
		r.after(10 * time.Second).holding(30)
		if s := r.status(); r.backlog() != 0 || len(s.Problems) != 20 {
			t.Errorf("%d to go, %d problems: all of it waits", s.Backlog, len(s.Problems))
		}
	})
}

// renamed is a Service whose port has another name, and which is another service for that.
func renamed(name string, port int) (key, value string) {
	key, value = service("shop", name, port, "a")
	return key, strings.Replace(value, `"http"`, `"web"`, 1)
}

// Hundreds of removals that have to follow what Consul refuses take nobody's turn, and
// nothing is compared again and again for them.
func TestRemovalsThatMustWaitTakeNobodysTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := consultest.New()
		fill(c, 300)
		c.SetKV(service("zoo", "old", 32000, ""))
		slow := consultest.On(http.MethodGet, "/v1/agent/services", consultest.Fault{Delay: 20 * time.Millisecond})
		c.Fault(slow)
		r := start(t, c)
		r.after(time.Minute).holds(301)
		c.Fault(consultest.FirstOf(bodyFault(`.web"`, consultest.Fault{Status: 400, Body: "Invalid"}), slow))
		for i := range 300 {
			c.SetKV(renamed(fmt.Sprintf("s%03d", i), 30000+i))
		}
		c.DeleteKV("kubernetes/deployments/zoo/old")
		r.after(10 * time.Second).holds(300)
		mark := len(c.Requests())
		r.after(20 * time.Second).holds(300)
		var looks int
		for _, q := range c.Requests()[mark:] {
			if q.Path == "/v1/agent/services" {
				looks++
			}
		}
		if looks > 10 {
			t.Errorf("%d comparisons in 20 s", looks)
		}
		if n := r.backlog(); n != 0 {
			t.Errorf("a backlog of %d, though all of it waits", n)
		}
	})
}

// A plan that takes long does not keep from anything else what has to be done: after a while
// all is looked at anew, whatever is left of it.
func TestALongPlanEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := consultest.New()
		fill(c, 300)
		c.Fault(consultest.On("PUT", "/v1/agent/service/register", consultest.Fault{Delay: 100 * time.Millisecond}))
		r := start(t, c)
		r.after(2 * time.Second)
		local := register.NewLocal(c.Operator(), register.Owner{Instance: "default"})
		if err := local.Mark(t.Context(), register.ByCommand.Mark("")); err != nil {
			t.Fatal(err)
		}
		r.after(longestPlan)
		for id, s := range c.Services() {
			if _, out := c.Checks()["_service_maintenance:"+id]; !out {
				t.Errorf("%s is not in maintenance with the node", s.ID)
			}
		}
	})
}
