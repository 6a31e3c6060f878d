package register_test

import (
	"testing"
	"unsafe"

	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

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
	equal(t, false, lean.Want[web].Check == before.Want[web].Check)
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
				equal(r, true, &was.Meta[0] == &got.Meta[0])
			}
		}
	})
}
