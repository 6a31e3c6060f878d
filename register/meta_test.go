package register_test

import (
	"encoding/json"
	"maps"
	"testing"

	"pgregory.net/rapid"

	"github.com/k8s-registrar/k8s-registrar/register"
)

// TestMetaIsAMap in all that it does, and in JSON, which is what fingerprints are made of.
func TestMetaIsAMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		key := rapid.OneOf(rapid.SampledFrom([]string{"a", "b", "c"}), rapid.String())
		want := rapid.MapOf(key, rapid.String()).Draw(t, "entries")
		before := maps.Clone(want)
		first := register.NewMeta(want)
		meta := first
		for range rapid.IntRange(0, 3).Draw(t, "changes") {
			k, v := key.Draw(t, "key"), rapid.String().Draw(t, "value")
			if rapid.Bool().Draw(t, "goes") {
				meta = meta.Without(k)
				delete(want, k)
			} else {
				meta = meta.With(k, v)
				want[k] = v
			}
		}
		equal(t, want, meta.Map())
		equal(t, before, first.Map())
		k := key.Draw(t, "asked for")
		equal(t, want[k], meta.Of(k))
		text, err := json.Marshal(want)
		equal(t, nil, err)
		got, err := json.Marshal(meta)
		equal(t, nil, err)
		equal(t, string(text), string(got))
	})
}
