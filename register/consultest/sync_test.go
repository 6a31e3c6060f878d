package consultest_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/k8s-registrar/k8s-registrar/register/consultest"
)

// The only repair of a catalog that lost a service and its check is a register that changes both.
func TestRepairOfTheCatalog(t *testing.T) {
	meta := func(r *api.AgentServiceRegistration) { r.Meta["nonce"] = "2" }
	notes := func(r *api.AgentServiceRegistration) { r.Check.Notes = "2" }
	tests := map[string]struct {
		repair           func(*testing.T, *consultest.Consul)
		services, checks int
	}{
		"same register": {func(t *testing.T, c *consultest.Consul) {
			register(t, c.Client(), web())
		}, 0, 0},
		"other meta": {func(t *testing.T, c *consultest.Consul) {
			register(t, c.Client(), with(web(), meta))
		}, 1, 0},
		"other meta and notes": {func(t *testing.T, c *consultest.Consul) {
			register(t, c.Client(), with(with(web(), meta), notes))
		}, 1, 1},
		"check flips": {func(_ *testing.T, c *consultest.Consul) {
			c.SetCheck("service:k8s-web", "passing", "ok")
		}, 1, 1},
		"full sync": {func(_ *testing.T, c *consultest.Consul) { c.FullSync() }, 1, 1},
	}
	losses := map[string]func(*testing.T, *consultest.Consul){
		"deregistered in the catalog": func(t *testing.T, c *consultest.Consul) {
			register(t, c.Client(), web())
			c.CatalogDeregister("k8s-web")
		},
		"never got there": func(t *testing.T, c *consultest.Consul) {
			c.Fault(consultest.On("PUT", "/v1/agent/service/register", consultest.Fault{NoCatalog: true}))
			register(t, c.Client(), web())
			c.Fault(nil)
		},
	}
	for name, test := range tests {
		for loss, lose := range losses {
			t.Run(name+", "+loss, func(t *testing.T) {
				c := consultest.New()
				lose(t, c)
				if len(c.Services()) != 1 || len(c.CatalogServices()) != 0 {
					t.Fatalf("agent %v, catalog %v; want it in the agent only", c.Services(), c.CatalogServices())
				}
				test.repair(t, c)
				if s, k := len(c.CatalogServices()), len(c.CatalogChecks()); s != test.services || k != test.checks {
					t.Errorf("%d services, %d checks in the catalog; want %d and %d", s, k, test.services, test.checks)
				}
			})
		}
	}
}

func TestFullSyncRemovesGhosts(t *testing.T) {
	c := consultest.New()
	register(t, c.Client(), web())
	c.Fault(consultest.On("PUT", "/v1/agent/service/deregister/", consultest.Fault{NoCatalog: true}))
	if err := c.Client().Agent().ServiceDeregister("k8s-web"); err != nil {
		t.Fatal(err)
	}
	if len(c.Services()) != 0 || len(c.CatalogServices()) != 1 {
		t.Fatalf("agent %v, catalog %v; want it in the catalog only", c.Services(), c.CatalogServices())
	}
	c.FullSync()
	if len(c.CatalogServices())+len(c.CatalogChecks()) != 0 {
		t.Errorf("catalog = %v, %v", c.CatalogServices(), c.CatalogChecks())
	}
}

// Without a leader a register is answered with 200 in the end. Until then, nobody else gets to the agent's
// state, except those who only ask for the leader.
func TestRegisterWithoutLeader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := consultest.New()
		client := c.Client()
		c.SetLeader("")
		start := time.Now()
		ended := make(chan time.Duration, 2)
		go func() {
			register(t, client, web()) // two objects: the service and its check
			ended <- time.Since(start)
		}()
		synctest.Wait()
		if _, err := client.Status().Leader(); err != nil || time.Since(start) > 0 {
			t.Errorf("leader after %v, %v", time.Since(start), err)
		}
		if _, err := client.Agent().Services(); err != nil || time.Since(start) != 20*time.Second {
			t.Errorf("services after %v, %v; want 20s", time.Since(start), err)
		}
		if took := <-ended; took != 20*time.Second || len(c.CatalogServices()) != 0 {
			t.Errorf("register took %v, catalog %v", took, c.CatalogServices())
		}
		c.SetLeader("10.0.0.101:8300")
		if len(c.CatalogServices()) != 1 || len(c.CatalogChecks()) != 1 {
			t.Errorf("catalog = %v, %v", c.CatalogServices(), c.CatalogChecks())
		}
	})
}

func TestLeaderEndsTheStall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := consultest.New()
		c.SetLeader("")
		time.AfterFunc(3*time.Second, func() { c.SetLeader("10.0.0.101:8300") })
		start := time.Now()
		register(t, c.Client(), web())
		if took := time.Since(start); took != 3*time.Second {
			t.Errorf("took %v, want 3s", took)
		}
	})
}

// The agent goes on with a register whose client has left.
func TestCancelledRegisterTakesEffect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := consultest.New()
		c.SetLeader("")
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		err := c.Client().Agent().ServiceRegisterOpts(web(), api.ServiceRegisterOpts{}.WithContext(ctx))
		if !errors.Is(err, context.DeadlineExceeded) || len(c.Services()) != 1 {
			t.Errorf("error %v, services %v; want a deadline, and the service", err, c.Services())
		}
	})
}
