package consultest_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/k8s-registrar/k8s-registrar/register/consultest"
)

const noService = `ID == "-"`

func TestNodeServices(t *testing.T) {
	c := consultest.New()
	client := c.Client()
	register(t, client, web())
	got, meta, err := client.Catalog().NodeServiceList("node-1", nil)
	if err != nil || got.Node.Address != "10.0.0.1" || len(got.Services) != 1 || meta.LastIndex < 2 {
		t.Fatalf("got %+v, index %d, %v", got, meta.LastIndex, err)
	}
	if s := got.Services[0]; s.ID != "k8s-web" || s.Port != 30080 || s.ModifyIndex != meta.LastIndex {
		t.Errorf("service = %+v with index %d", s, meta.LastIndex)
	}

	got, meta, err = client.Catalog().NodeServiceList("node-1", &api.QueryOptions{Filter: noService})
	if err != nil || len(got.Services) != 0 || got.Node == nil || meta.LastIndex < 2 {
		t.Errorf("filtered: %+v, index %d, %v", got, meta.LastIndex, err)
	}
	got, _, err = client.Catalog().NodeServiceList("node-2", nil)
	if err != nil || got.Node != nil || len(got.Services) != 0 {
		t.Errorf("other node: %+v, %v", got, err)
	}
}

func TestNodeServicesUnderACL(t *testing.T) {
	c := consultest.New()
	register(t, c.Operator(), web())
	c.DenyByDefault()
	c.Grant(token, consultest.Rules{Node: "read"})
	tests := map[string]struct {
		client   *api.Client
		node     bool
		filtered bool
	}{
		"anonymous": {c.Client(), false, false},
		"node only": {c.ClientWithToken(token), true, true},
		"operator":  {c.Operator(), true, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, meta, err := test.client.Catalog().NodeServiceList("node-1", nil)
			if err != nil || (got.Node != nil) != test.node || meta.ResultsFilteredByACLs != test.filtered {
				t.Errorf("got %+v, filtered %v, %v", got, meta.ResultsFilteredByACLs, err)
			}
		})
	}
}

// The doorbell rings for every change of a definition on this node, and for nothing else.
func TestDoorbell(t *testing.T) {
	tests := map[string]struct {
		change func(*testing.T, *consultest.Consul)
		rings  bool
	}{
		"register": {func(t *testing.T, c *consultest.Consul) {
			register(t, c.Client(), &api.AgentServiceRegistration{Name: "other"})
		}, true},
		"deregister": {func(t *testing.T, c *consultest.Consul) {
			if err := c.Client().Agent().ServiceDeregister("k8s-web"); err != nil {
				t.Error(err)
			}
		}, true},
		"removed from the catalog": {func(_ *testing.T, c *consultest.Consul) {
			c.CatalogDeregister("k8s-web")
		}, true},
		"same register": {func(t *testing.T, c *consultest.Consul) {
			register(t, c.Client(), web())
		}, false},
		"check flips": {func(_ *testing.T, c *consultest.Consul) {
			c.SetCheck("service:k8s-web", "passing", "ok")
		}, false},
		"maintenance": {func(t *testing.T, c *consultest.Consul) {
			if err := c.Operator().Agent().EnableServiceMaintenance("k8s-web", ""); err != nil {
				t.Error(err)
			}
		}, false},
		"KV": {func(_ *testing.T, c *consultest.Consul) { c.SetKV("a", "b") }, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := consultest.New()
				client := c.Client()
				register(t, client, web())
				options := &api.QueryOptions{Filter: noService, AllowStale: true, WaitTime: time.Minute}
				_, meta, err := client.Catalog().NodeServiceList("node-1", options)
				if err != nil {
					t.Fatal(err)
				}
				options.WaitIndex = meta.LastIndex
				time.AfterFunc(time.Second, func() { test.change(t, c) })
				start := time.Now()
				if _, _, err := client.Catalog().NodeServiceList("node-1", options); err != nil {
					t.Fatal(err)
				}
				if rang := time.Since(start) == time.Second; rang != test.rings {
					t.Errorf("returned after %v, want it to ring: %v", time.Since(start), test.rings)
				}
			})
		})
	}
}
