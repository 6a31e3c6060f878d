package register_test

import (
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/k8s-registrar/k8s-registrar/register"
)

// TestChecksAreAMap holds what becomes of checks against a map of them, wherever one of them
// is held as we make it.
func TestChecksAreAMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cart := service("shop/cart", 30080)
		d := desired(t, cart)
		checks := actual(shown(d.Want[idOf(cart)])).Lean(d).Ours[idOf(cart)].Checks
		own := checks.All()[0]
		known := map[string]register.Check{own.ID: own}
		for range rapid.IntRange(0, 20).Draw(t, "steps") {
			id, before := rapid.SampledFrom([]string{"a", "b", own.ID, "y", "z"}).Draw(t, "id"), slices.Clone(checks.All())
			changed := checks.Without(id)
			delete(known, id)
			if rapid.Bool().Draw(t, "there") {
				known[id] = register.Check{ID: id, Status: rapid.SampledFrom([]string{"passing", "critical"}).Draw(t, "status")}
				changed = checks.With(known[id])
			}
			if !slices.Equal(checks.All(), before) {
				t.Fatalf("%v became %v", before, checks)
			}
			checks = changed
			if got, found := checks.Of(id); got != known[id] || found == (known[id] == register.Check{}) {
				t.Fatalf("of %s: %v, %v in %v", id, got, found, checks)
			}
		}
		var want []register.Check
		for _, id := range slices.Sorted(maps.Keys(known)) {
			want = append(want, known[id])
		}
		equal(t, want, checks.All(), cmpopts.EquateEmpty())
	})
}
