package register_test

import (
	"testing"
	"unsafe"

	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/k8s-registrar/k8s-registrar/health"
	"github.com/k8s-registrar/k8s-registrar/kvschema"
	"github.com/k8s-registrar/k8s-registrar/register"
)

// TestLeanIsTheSame whatever it is held against.
func TestLeanIsTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, before, d := drawActual(t), drawActual(t), drawDesired(t)
		equal(t, a, a.Lean(d), cmpopts.EquateEmpty())
		equal(t, a, a.Recall(before), cmpopts.EquateEmpty())
	})
}

// TestCheckIsKeptOnce while everything but it changes.
func TestCheckIsKeptOnce(t *testing.T) {
	before := desired(t, service("shop/cart", 30080, withTags("a")), service("shop/web", 30081))
	now := desired(t, service("shop/cart", 30080, withTags("b")), service("shop/web", 30082))
	lean, _ := mapping.Recalling(before).Desired(treeOf(service("shop/cart", 30080, withTags("b")), service("shop/web", 30082)), node1)
	equal(t, now, lean)
	cart, web := register.ID(prefix+"shop.cart.http"), register.ID(prefix+"shop.web.http")
	equal(t, true, lean.Want[cart].Check == before.Want[cart].Check)
	equal(t, true, register.SameMeta(lean.Want[cart].Meta, before.Want[cart].Meta))
	equal(t, false, lean.Want[web].Check == before.Want[web].Check)
}

// TestCheckIsHeldAsItIsWanted where it is so, and else in the words of the agent.
func TestCheckIsHeldAsItIsWanted(t *testing.T) {
	cart := service("shop/cart", 30080)
	d, id := desired(t, cart), idOf(cart)
	own := d.Want[id].Check
	for _, tt := range []struct {
		what string
		edit func(*register.Check)
		want *health.Check
	}{
		{"the same", func(*register.Check) {}, own},
		{"critical, and not yet tried", func(c *register.Check) { c.Status = "critical" }, own},
		{"critical", func(c *register.Check) { c.Status, c.Output = "critical", "refused" }, nil},
		{"other notes", func(c *register.Check) { c.Notes = "edited" }, nil},
		{"another name", func(c *register.Check) { c.Name = "edited" }, nil},
		{"another type", func(c *register.Check) { c.Type = "http" }, nil},
	} {
		t.Run(tt.what, func(t *testing.T) {
			have := shown(d.Want[id])
			check, _ := have.Checks.Of(own.ID())
			tt.edit(&check)
			have.Checks = have.Checks.With(check).With(register.Check{ID: "ops"}).With(register.Check{ID: "zzz"})
			lean := actual(have).Lean(d)
			equal(t, actual(have), lean)
			equal(t, true, tt.want == lean.Ours[id].Checks.Own())
			again := lean.Recall(actual(shown(registration(t, cart)))).Lean(desired(t, cart))
			equal(t, lean, again)
		})
	}
}

// TestTwoChecksOfOursAreBothHeld while the agent has both.
func TestTwoChecksOfOursAreBothHeld(t *testing.T) {
	page := service("shop/cart", 30080, withCheck(func(c *kvschema.Check) { c.Kind = "http" }))
	was, now := desired(t, page), desired(t, service("shop/cart", 30080))
	have := register.Registered{ID: idOf(page)}
	for _, d := range []register.Desired{was, now} {
		check := d.Want[have.ID].Check
		have.Checks = have.Checks.With(register.Check{ID: check.ID(), Name: health.Name, Notes: check.Notes(), Type: check.Kind(), Status: "passing"})
	}
	equal(t, actual(have), actual(have).Lean(was).Lean(now))
}

// TestIDIsKeptOnce, be it a key, in a registration or in its check.
func TestIDIsKeptOnce(t *testing.T) {
	before := desired(t, service("shop/cart", 30080), service("shop/web", 30081))
	lean, _ := mapping.Recalling(before).Desired(treeOf(service("shop/cart", 30080, withTags("b")), service("shop/web", 30081)), node1)
	at := func(id register.ID) *byte { return unsafe.StringData(string(id)) }
	for id, now := range lean.Want {
		was := at(before.Want[id].ID)
		equal(t, []bool{true, true}, []bool{at(id) == was, at(now.ID) == was})
	}
}

// TestWhatIsAsBeforeIsKeptOnce: while everything changes, what the agent still holds is in
// memory already.
func TestWhatIsAsBeforeIsKeptOnce(t *testing.T) {
	bubble(t, func(r *rig) {
		r.converge(service("shop/cart", 30080, withTags("a", "b")))
		changed := desired(r, service("shop/cart", 30080, withTags("c")))
		before := r.actual()
		local, err := r.local.Recalling(before).Actual(r.Context(), changed)
		equal(r, nil, err)
		catalog, err := r.local.Recalling(before).Cataloged(r.Context(), cataloged, changed, false)
		equal(r, nil, err)
		for id, was := range before.Ours {
			for _, got := range []*register.Registered{local.Ours[id], catalog.Ours[id]} {
				equal(r, was.Tags, got.Tags)
				equal(r, true, &was.Tags[0] == &got.Tags[0])
				equal(r, true, register.SameMeta(was.Meta, got.Meta))
			}
		}
	})
}
