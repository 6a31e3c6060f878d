package spread_test

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/k8s-registrar/k8s-registrar/kvschema"
	"github.com/k8s-registrar/k8s-registrar/register/spread"
)

// fleet draws between low and high members with names as nodes have them.
func fleet(t *rapid.T, low, high int) []spread.Member {
	names := rapid.SliceOfNDistinct(rapid.OneOf(
		rapid.StringMatching(`[a-z0-9-]{1,12}`),
		rapid.Custom(func(t *rapid.T) string { return fmt.Sprintf("node-%04d", rapid.IntRange(0, 9999).Draw(t, "n")) }),
	), low, high, rapid.ID).Draw(t, "names")
	var all []spread.Member
	for _, name := range names {
		all = append(all, spread.Member{Name: name, Meta: map[string]string{"zone": string(name[0])}})
	}
	return all
}

func key(i int) string { return fmt.Sprintf("kubernetes/deployments/team-%02d/service-%04d", i%7, i) }

// TestAsManyHoldersAsCopies, or all that are eligible; in whichever order the members came.
func TestAsManyHoldersAsCopies(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := fleet(t, 0, 20)
		copies := rapid.IntRange(0, 25).Draw(t, "copies")
		var selector kvschema.Selector
		eligible := map[string]bool{}
		if rapid.Bool().Draw(t, "selects") && len(all) > 0 {
			selector = kvschema.Selector{{Key: "zone", Value: all[0].Meta["zone"]}}
		}
		for _, m := range all {
			if selector.Matches(m.Meta) {
				eligible[m.Name] = true
			}
		}
		name := key(rapid.IntRange(0, 1000).Draw(t, "key"))
		got := spread.NewMembers(all...).Holders(name, copies, selector)
		if want := min(copies, len(eligible)); len(got) != want {
			t.Fatalf("%d holders, want %d", len(got), want)
		}
		seen := map[string]bool{}
		for _, holder := range got {
			if !eligible[holder] || seen[holder] {
				t.Fatalf("%q holds it twice, or is not eligible", holder)
			}
			seen[holder] = true
		}
		for _, asks := range append(all, spread.Member{Name: "one that takes no part"}) {
			want := len(got) == copies && !slices.Contains(got, asks.Name)
			if is := spread.NewMembers(all...).Elsewhere(asks.Name, name, copies, selector); copies > 0 && is != want {
				t.Fatalf("for %s it is elsewhere: %v, want %v", asks.Name, is, want)
			}
		}
		shuffled := spread.NewMembers(append(rapid.Permutation(all).Draw(t, "order"), all...)...)
		if d := cmp.Diff(got, shuffled.Holders(name, copies, selector)); d != "" {
			t.Fatalf("the order matters: %s", d)
		}
	})
}

// TestOnlyTheShareOfAMemberMoves when it goes. When it comes that is the same the other way
// round.
func TestOnlyTheShareOfAMemberMoves(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := fleet(t, 1, 20)
		copies := rapid.IntRange(1, 5).Draw(t, "copies")
		gone := rapid.IntRange(0, len(all)-1).Draw(t, "gone")
		with, without := spread.NewMembers(all...), spread.NewMembers(slices.Delete(slices.Clone(all), gone, gone+1)...)
		for i := range 50 {
			before, after := with.Holders(key(i), copies, nil), without.Holders(key(i), copies, nil)
			stays := slices.DeleteFunc(slices.Clone(before), func(name string) bool { return name == all[gone].Name })
			if !cmp.Equal(stays, after[:len(stays)]) {
				t.Fatalf("%s moves from %v to %v when %s goes", key(i), before, after, all[gone].Name)
			}
			if want := min(copies, len(all)-1); len(after) != want {
				t.Fatalf("%d holders, want %d", len(after), want)
			}
		}
	})
}

// TestShareIsFair: no member has many more services than another. The bound is six standard
// deviations of what drawing lots would give.
func TestShareIsFair(t *testing.T) {
	const keys = 2000
	rapid.Check(t, func(t *rapid.T) {
		all := fleet(t, 2, 40)
		copies := rapid.IntRange(1, min(5, len(all)-1)).Draw(t, "copies")
		members, count := spread.NewMembers(all...), map[string]int{}
		for i := range keys {
			for _, holder := range members.Holders(key(i), copies, nil) {
				count[holder]++
			}
		}
		p := float64(copies) / float64(len(all))
		mean, bound := keys*p, 6*math.Sqrt(keys*p*(1-p))
		for _, m := range all {
			if got := float64(count[m.Name]); math.Abs(got-mean) > bound {
				t.Errorf("%s holds %v of %d services, want %.0f +- %.0f", m.Name, got, keys, mean, bound)
			}
		}
	})
}

// TestHoldersNeverChange holds the hash: nodes of two versions must agree.
func TestHoldersNeverChange(t *testing.T) {
	var all []spread.Member
	for i := range 10 {
		all = append(all, spread.Member{Name: fmt.Sprintf("node-%d", i)})
	}
	members := spread.NewMembers(all...)
	for name, want := range map[string][]string{
		"kubernetes/deployments/shop/cart":    {"node-5", "node-8", "node-2"},
		"kubernetes/deployments/shop/web":     {"node-7", "node-4", "node-3"},
		"kubernetes/deployments/default/echo": {"node-8", "node-2", "node-6"},
	} {
		if d := cmp.Diff(want, members.Holders(name, 3, nil)); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
}
