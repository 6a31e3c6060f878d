package agent

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/k8s-registrar/k8s-registrar/config"
	"github.com/k8s-registrar/k8s-registrar/register/consultest"
)

// fillPorts has n Services with two ports each.
func fillPorts(c *consultest.Consul, n int) {
	for i := range n {
		key, value := service("shop", fmt.Sprintf("s%03d", i), 30000+i, "")
		more := fmt.Sprintf(`}, {"name": "metrics", "port": 9090, "nodePort": %d}]`, 31000+i)
		c.SetKV(key, strings.Replace(value, "}]", more, 1))
	}
}

func allPorts(cfg *config.Config) { cfg.Services.Ports = "all" }

// TestFewerPortsAreGuarded: a configuration that announces fewer ports than the one before
// takes names away, and waits for a human as if the Services had gone.
func TestFewerPortsAreGuarded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := consultest.New()
		fillPorts(c, 20)
		r := start(t, c, allPorts)
		r.after(5 * time.Second)
		if got := len(c.Services()); got != 40 {
			t.Fatalf("%d services, want 40", got)
		}
		r.stop()
		r = start(t, c)
		waiting := r.after(5 * time.Second).holding(20)
		if got := len(c.Services()); got != 40 {
			t.Errorf("%d services while the removals wait, want 40", got)
		}
		approveIn(t, c, waiting.Hash, "", time.Hour)
		r.after(10 * time.Second).holding(0)
		if got := len(c.Services()); got != 20 {
			t.Errorf("%d services after the approval, want 20", got)
		}
		// What was approved counts for nothing.
		remove(c, 0, 10)
		r.after(5 * time.Second).holding(0)
	})
}

// TestEachHeldPortIsKept, whoever removes it, and of each Service every one.
func TestEachHeldPortIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := consultest.New()
		fillPorts(c, 20)
		r := start(t, c, allPorts)
		r.after(5 * time.Second)
		removed := func() {
			t.Helper()
			for _, port := range []string{"http", "metrics"} {
				if err := c.Operator().Agent().ServiceDeregister("k8s-registrar-default.shop.s003." + port); err != nil {
					t.Fatal(err)
				}
			}
		}
		remove(c, 0, 20)
		r.after(5 * time.Second).holding(20)
		removed()
		r.after(10 * time.Second).holding(20)
		if got := len(c.Services()); got != 40 {
			t.Errorf("%d services, want 40", got)
		}
		var names []string
		for _, s := range c.Services() {
			names = append(names, s.Service)
		}
		if !slices.Contains(names, "s003") || !slices.Contains(names, "s003-metrics") {
			t.Errorf("not every port is back: %q", names)
		}
	})
}

// TestApprovalCoversEveryPort of a Service: none of them counts against the budget.
func TestApprovalCoversEveryPort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := consultest.New()
		fillPorts(c, 150)
		r := start(t, c, allPorts)
		r.after(time.Minute)
		remove(c, 0, 150)
		waiting := r.after(5 * time.Second).holding(150)
		approveIn(t, c, waiting.Hash, "", time.Hour)
		r.after(time.Minute).holding(0)
		if got := len(c.Services()); got != 0 {
			t.Errorf("%d services, want none", got)
		}
		c.SetKV(service("shop", "s200", 30200, ""))
		r.after(5 * time.Second)
		remove(c, 200, 201)
		r.after(5 * time.Second).holding(0)
	})
}
