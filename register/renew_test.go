package register_test

import (
	"testing"

	"github.com/k8s-registrar/k8s-registrar/register"
)

// TestRenew registers with another token what is kept, and only what would be the same.
func TestRenew(t *testing.T) {
	cart := service("shop/cart", 30001, withTags("a"))
	id, key := registration(t, cart).ID, cart.Key
	for _, tt := range []struct {
		what   string
		change func(*register.Registered)
		keep   string
		again  bool
	}{
		{"kept", func(*register.Registered) {}, key, true},
		{"kept, and edited by hand", func(h *register.Registered) { h.Tags, h.Port = []string{"mine"}, 30001 }, key, true},
		{"not kept", func(*register.Registered) {}, "other", false},
		{"with the token in force", func(h *register.Registered) { h.Meta = h.Meta.With(register.MetaToken, "new") }, key, false},
		{"with another check", func(h *register.Registered) { h.Checks = h.Checks.With(register.Check{ID: string(id) + ".http"}) }, key, false},
		{"with a check of another port", func(h *register.Registered) { h.Port = 1 }, key, false},
		{"without a check", func(h *register.Registered) { h.Checks = register.Checks{} }, key, true},
	} {
		t.Run(tt.what, func(t *testing.T) {
			have := shown(registration(t, cart))
			tt.change(&have)
			with := mapping
			with.Token = "new"
			desired := register.Desired{Want: map[register.ID]register.Registration{}, Keep: map[string]struct{}{tt.keep: {}}}
			with.Renew(desired, actual(have), node1)
			again, found := desired.Want[id]
			equal(t, tt.again, found)
			if !found {
				return
			}
			equal(t, []any{have.Name, have.Port, have.Tags, "new"}, []any{again.Name, again.Port, again.Tags, again.Meta.Of(register.MetaToken)})
			equal(t, len(have.Checks.All()) > 0, again.Check != nil)
			plan := register.Diff(desired, actual(have))
			equal(t, []string{"update shop.cart.http"}, lines(plan.Steps))
		})
	}
}
