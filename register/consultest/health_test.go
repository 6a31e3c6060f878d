package consultest_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/k8s-registrar/k8s-registrar/register/consultest"
)

// TestServiceHealth has this node's own instance beside those of others, and wakes when one
// of them changes.
func TestServiceHealth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := consultest.New()
		if err := c.Client().Agent().ServiceRegister(&api.AgentServiceRegistration{ID: "x", Name: "web"}); err != nil {
			t.Fatal(err)
		}
		other := &api.ServiceEntry{
			Node: &api.Node{Node: "node-2"}, Service: &api.AgentService{ID: "x", Service: "web"},
			Checks: api.HealthChecks{{CheckID: "serfHealth", Status: api.HealthCritical}},
		}
		c.SetOthers(other, &api.ServiceEntry{Node: &api.Node{Node: "node-2"}, Service: &api.AgentService{ID: "y", Service: "web"}})
		options := &api.QueryOptions{Filter: `Service.ID == "x"`}
		all, meta, err := c.Client().Health().Service("web", "", false, options)
		if err != nil || len(all) != 2 || !meta.KnownLeader {
			t.Fatalf("%d instances, %+v, %v", len(all), meta, err)
		}
		if all, _, err = c.Client().Health().Service("web", "", true, options); err != nil || len(all) != 1 || all[0].Node.Node != consultest.NodeName {
			t.Errorf("%d pass, %v", len(all), err)
		}
		go func() {
			time.Sleep(time.Minute)
			c.SetOthers()
		}()
		begin := time.Now()
		options.WaitIndex = meta.LastIndex
		if all, meta, err = c.Client().Health().Service("web", "", false, options); err != nil || len(all) != 1 || meta.KnownLeader {
			t.Errorf("%d instances, %+v, %v", len(all), meta, err)
		}
		if took := time.Since(begin); took != time.Minute {
			t.Errorf("it woke after %s", took)
		}
	})
}
