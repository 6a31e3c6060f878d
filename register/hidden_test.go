package register_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/k8s-registrar/k8s-registrar/register"
	"github.com/k8s-registrar/k8s-registrar/register/consultest"
)

// TestHiddenServicesAreNotNone: a list that ACLs have emptied looks like an empty agent.
func TestHiddenServicesAreNotNone(t *testing.T) {
	cart, web := service("shop/cart", 30001), service("shop/web", 30002)
	all := consultest.Rules{Service: map[string]string{"": "write"}}
	part := consultest.Rules{Service: map[string]string{"web": "write"}}
	for _, tt := range []struct {
		what       string
		registered bool
		token      string
		rules      consultest.Rules
		want       string
		seen       int
	}{
		{"all may be seen", true, "secret", all, "<nil>", 2},
		{"a part may be seen", true, "secret", part, "<nil>", 1},
		{"nothing may be seen", true, "secret", consultest.Rules{}, "hidden", 0},
		{"anonymous", true, "", consultest.Rules{}, "hidden", 0},
		{"nothing is there", false, "secret", all, "<nil>", 0},
		{"nothing is there, and nothing could be seen", false, "secret", consultest.Rules{}, "<nil>", 0},
	} {
		t.Run(tt.what, func(t *testing.T) {
			bubble(t, func(r *rig) {
				d := desired(r, cart, web)
				if tt.registered {
					r.converge(cart, web)
				}
				r.consul.DenyByDefault()
				r.consul.Grant(tt.token, tt.rules)
				got, err := register.NewLocal(r.consul.ClientWithToken(tt.token), owner).Actual(r.Context(), d)
				said := fmt.Sprint(err)
				if errors.Is(err, register.ErrHidden) {
					said = "hidden"
				}
				equal(r, tt.want, said)
				equal(r, tt.seen, len(got.Ours))
			})
		})
	}
}

// TestAskingForHiddenServicesIsBounded, in number and in time, and costs nothing where
// any of ours is to be seen.
func TestAskingForHiddenServicesIsBounded(t *testing.T) {
	const single = "GET /v1/agent/service/"
	bubble(t, func(r *rig) {
		d := desired(r, many(500)...)
		if _, err := r.local.Actual(r.Context(), d); err != nil {
			r.Fatal(err)
		}
		equal(r, 3, r.count(single))
		r.consul.Fault(consultest.On("GET", "/v1/agent/service/", consultest.Fault{Delay: time.Hour}))
		equal(r, 10*time.Second, took(func() {
			_, err := r.local.Actual(r.Context(), d)
			equal(r, "timeout", cause(err))
		}))
		r.consul.Fault(nil)
		r.converge(many(1)...)
		before := r.count(single)
		if _, err := r.local.Actual(r.Context(), d); err != nil {
			r.Fatal(err)
		}
		equal(r, before, r.count(single))
	})
}
