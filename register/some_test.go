package register_test

import (
	"io"
	"net/http"
	"testing"

	"github.com/k8s-registrar/k8s-registrar/register"
	"github.com/k8s-registrar/k8s-registrar/register/consultest"
)

// What is read of some services is what is read of all of them.
func TestSomeAreSeenAsAmongAll(t *testing.T) {
	bubble(t, func(r *rig) {
		r.converge(many(5)...)
		all, err := r.local.Actual(r.Context(), register.Desired{})
		equal(r, nil, err)
		for id, have := range all.Ours {
			some, err := r.local.Some(r.Context(), []register.ID{id, "k8s-registrar-default.not.there.http"}, true)
			equal(r, nil, err)
			equal(r, map[register.ID]*register.Registered{id: have}, some.Ours)
		}
		equal(r, nil, r.local.Mark(r.Context(), register.ByCommand.Mark("")))
		some, err := r.local.Some(r.Context(), nil, true)
		equal(r, nil, err)
		equal(r, true, some.Marker.Is(register.ByCommand))
	})
}

// An answer that is not Consul's says nothing about a service.
func TestSomeNeedsAnAnswer(t *testing.T) {
	for what, fault := range map[string]consultest.Fault{
		"broken":     {Err: io.EOF},
		"overloaded": {Status: http.StatusTooManyRequests, Body: "limit"},
		"no leader":  {Status: http.StatusServiceUnavailable, Body: "no leader"},
		"proxy":      {Status: http.StatusBadGateway, Body: "<html>"},
		"forbidden":  {Status: http.StatusForbidden, Body: "Permission denied"},
		"empty":      {Status: http.StatusOK},
	} {
		t.Run(what, func(t *testing.T) {
			bubble(t, func(r *rig) {
				r.converge(many(1)...)
				r.consul.Fault(consultest.On(http.MethodGet, "/v1/agent/health/", fault))
				if some, err := r.local.Some(r.Context(), []register.ID{prefix + "a.s000.http"}, false); err == nil {
					r.Errorf("it is taken for %+v", some)
				}
			})
		})
	}
}
