package register_test

import (
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/k8s-registrar/k8s-registrar/register"
)

// TestChecksAreAMap holds what becomes of checks against a map of them.
func TestChecksAreAMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var checks register.Checks
		known := map[string]register.Check{}
		for range rapid.IntRange(0, 20).Draw(t, "steps") {
			id, before := rapid.SampledFrom([]string{"a", "b", "c", "d"}).Draw(t, "id"), slices.Clone(checks)
			changed := checks.Without(id)
			delete(known, id)
			if rapid.Bool().Draw(t, "there") {
				known[id] = register.Check{ID: id, Status: rapid.SampledFrom([]string{"passing", "critical"}).Draw(t, "status")}
				changed = checks.With(known[id])
			}
			if !slices.Equal(checks, before) {
				t.Fatalf("%v became %v", before, checks)
			}
			checks = changed
			if got, found := checks.Of(id); got != known[id] || found == (known[id] == register.Check{}) {
				t.Fatalf("of %s: %v, %v in %v", id, got, found, checks)
			}
		}
		var want register.Checks
		for _, id := range slices.Sorted(maps.Keys(known)) {
			want = append(want, known[id])
		}
		equal(t, want, slices.Clip(checks))
	})
}
