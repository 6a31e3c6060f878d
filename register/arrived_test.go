package register_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/hashicorp/consul/api"

	"github.com/k8s-registrar/k8s-registrar/kvschema"
	"github.com/k8s-registrar/k8s-registrar/register"
)

// TestArrived: some services are where they should be, whatever becomes of the others.
func TestArrived(t *testing.T) {
	cart, longer, gone := service("shop/cart", 30001), service("shop/cart", 30002), service("shop/gone", 30003)
	longer.Ports[0].Name = "http2" // its ID begins as cart's
	id := string(idOf(cart))
	edited := func(r *rig) *api.AgentServiceRegistration {
		return &api.AgentServiceRegistration{ID: id, Name: "cart", Port: 1, Meta: r.consul.Services()[id].Meta}
	}
	for what, tt := range map[string]struct {
		harm func(r *rig, operator *api.Agent) error
		want bool
	}{
		"all is well":            {func(*rig, *api.Agent) error { return nil }, true},
		"another is gone":        {func(r *rig, _ *api.Agent) error { r.consul.CatalogDeregister(string(idOf(longer))); return nil }, true},
		"missing in the catalog": {func(r *rig, _ *api.Agent) error { r.consul.CatalogDeregister(id); return nil }, false},
		"removed by hand":        {func(_ *rig, o *api.Agent) error { return o.ServiceDeregister(id) }, false},
		"edited by hand":         {func(r *rig, o *api.Agent) error { return o.ServiceRegister(edited(r)) }, false},
		"its check is gone":      {func(_ *rig, o *api.Agent) error { return o.CheckDeregister(id + ".tcp") }, false},
		"there, and not wanted":  {func(r *rig, _ *api.Agent) error { r.converge(cart, longer, gone); return nil }, false},
	} {
		t.Run(what, func(t *testing.T) {
			bubble(t, func(r *rig) {
				services := []kvschema.Service{cart, longer}
				r.converge(services...)
				equal(r, nil, tt.harm(r, r.consul.Operator().Agent()))
				got, indexes, err := r.local.Arrived(r.Context(), cataloged, desired(r, services...), []register.ID{idOf(cart), idOf(gone)}, false)
				equal(r, nil, err)
				equal(r, tt.want, got)
				var held []uint64
				for _, id := range []register.ID{idOf(cart), idOf(gone)} {
					if s, there := r.consul.CatalogServices()[string(id)]; there {
						held = append(held, s.ModifyIndex)
					}
				}
				slices.Sort(indexes)
				equal(r, held, indexes, cmpopts.EquateEmpty())
			})
		})
	}
}
