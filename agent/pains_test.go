package agent

import (
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/k8s-registrar/k8s-registrar/register/consultest"
)

// hardDay lets an agent meet what happens on a bad day: changes, edits by hand, a Consul
// that goes, comes back empty, or does not answer.
func hardDay(t *testing.T, c *consultest.Consul, r *rig) {
	t.Helper()
	c.SetKV(service("shop", "s000", 30700, "changed"))
	c.SetKV("kubernetes/deployments/shop/s001", "not json")
	r.after(time.Minute)
	if err := c.Operator().Agent().ServiceDeregister("k8s-registrar-default.shop.s002.http"); err != nil {
		t.Fatal(err)
	}
	c.SetKV(service("shop", "new", 30701, ""))
	r.after(time.Minute)
	for _, fault := range []consultest.Fault{
		{Delay: 365 * 24 * time.Hour}, {Status: http.StatusInternalServerError}, {Err: errors.New("connection reset by peer")},
	} {
		c.Fault(consultest.On("GET", "/", fault))
		r.after(7 * time.Minute)
		c.Fault(nil)
		r.after(2 * time.Minute)
	}
	c.Down()
	r.after(5 * time.Minute)
	c.Wipe()
	c.Up()
	c.DeleteKV("kubernetes/deployments/shop/new")
	c.SetKV(service("shop", "s000", 30000, ""))
	c.SetKV(service("shop", "s001", 30001, ""))
	r.after(5*time.Minute).announces("s000:30000", "s001:30001", "s002:30002")
}

// TestGoroutinesDoNotAccumulate: whoever waits for Consul ends when it is not waited for any
// more, so that the fifth bad day leaves no more behind than the first.
func TestGoroutinesDoNotAccumulate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := consultest.New()
		fill(c, 3)
		r := start(t, c)
		r.after(5 * time.Second)
		hardDay(t, c, r)
		first := runtime.NumGoroutine()
		for range 4 {
			hardDay(t, c, r)
		}
		if last := runtime.NumGoroutine(); last > first+2 { // a query may just be under way
			t.Errorf("%d goroutines after the first day, %d after the fifth", first, last)
		}
	})
}

// TestDaemonWritesToServicesOfTheAgentOnly: the catalog belongs to the agents, which take
// out what others write there; a reload of Consul makes checks flap; and the tree belongs
// to others.
func TestDaemonWritesToServicesOfTheAgentOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := consultest.New()
		fill(c, 3)
		r := start(t, c)
		r.after(5 * time.Second)
		hardDay(t, c, r)
		ours := []string{"/v1/agent/service/register", "/v1/agent/service/deregister/", "/v1/agent/check/deregister/"}
		var writes int
		for _, request := range c.Requests() {
			if request.Method == http.MethodGet {
				continue
			}
			writes++
			if !slices.ContainsFunc(ours, func(prefix string) bool { return strings.HasPrefix(request.Path, prefix) }) {
				t.Errorf("it sent %s", request)
			}
		}
		if writes < 6 {
			t.Errorf("only %d writes: this day was none", writes)
		}
	})
}

// TestRemovedServiceDoesNotComeBack when somebody changes the agent while its key goes: one
// loop knows what should be, and whatever a repair made of an older state ends with it.
func TestRemovedServiceDoesNotComeBack(t *testing.T) {
	for _, wait := range []time.Duration{0, time.Millisecond, 50 * time.Millisecond, 300 * time.Millisecond, time.Second} {
		t.Run(fmt.Sprint(wait), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := consultest.New()
				fill(c, 8)
				r := start(t, c)
				r.after(5 * time.Second)
				for i := range 4 {
					if err := c.Operator().Agent().ServiceDeregister(fmt.Sprintf("k8s-registrar-default.shop.s%03d.http", i)); err != nil {
						t.Fatal(err)
					}
					time.Sleep(wait)
					c.DeleteKV(fmt.Sprintf("kubernetes/deployments/shop/s%03d", i))
					time.Sleep(wait)
				}
				r.after(10 * time.Minute)
				r.announces("s004:30004", "s005:30005", "s006:30006", "s007:30007")
				writes := len(c.Writes())
				r.after(time.Hour)
				if got := len(c.Writes()); got != writes {
					t.Errorf("%d more writes in the hour after", got-writes)
				}
			})
		})
	}
}
