package agent

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

const coverRoot = "r/deployments/"

func coverKeys(names ...string) []string {
	var keys []string
	for _, name := range names {
		keys = append(keys, coverRoot+name)
	}
	slices.Sort(keys)
	return keys
}

// numbered makes n keys of each namespace.
func numbered(n int, namespaces ...string) []string {
	var names []string
	for _, namespace := range namespaces {
		for i := range n {
			names = append(names, fmt.Sprintf("%s/s%04d", namespace, i))
		}
	}
	return coverKeys(names...)
}

func TestCoverOfKindsOfTrees(t *testing.T) {
	teams := make([]string, 500)
	for i := range teams {
		teams[i] = fmt.Sprintf("team-%03d", i)
	}
	for _, row := range []struct {
		name    string
		keys    []string
		most    int
		parts   int
		largest int
		folders []string
	}{
		{"empty", nil, 64, 1, 0, nil},
		{"small", numbered(10, "a", "b", "c"), 64, 1, 30, nil},
		{"some namespaces", numbered(30, "a", "b", "c"), 64, 3, 30, []string{""}},
		{"fifty namespaces", numbered(55, teams[:50]...), 64, 50, 55, []string{""}},
		{"five hundred tiny ones", numbered(3, teams...), 64, 50, 30, []string{""}},
		{"one huge namespace", numbered(2768, "huge"), 64, 61, 100, []string{"", "huge/"}},
		{"a huge one and small ones", append(numbered(1000, "huge"), numbered(2, "a", "b")...), 64, 57, 100, []string{"", "huge/"}},
		{"few queries", numbered(55, teams[:50]...), 8, 5, 550, []string{""}},
		{"two queries", numbered(55, teams[:50]...), 2, 1, 2750, nil},
		{"a name that begins another", append(numbered(100, "a"), coverKeys("a/s")...), 64, 1, 101, nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			slices.Sort(row.keys)
			c := newCover(coverRoot, row.keys, row.most)
			var folders []string
			for _, folder := range c.folders {
				folders = append(folders, strings.TrimPrefix(folder, coverRoot))
			}
			if len(c.parts) != row.parts || c.coarsest(row.keys) != row.largest || !slices.Equal(folders, row.folders) {
				t.Errorf("%d parts of up to %d keys, folders %q; want %d of up to %d, %q\n%q",
					len(c.parts), c.coarsest(row.keys), folders, row.parts, row.largest, row.folders, c.parts)
			}
		})
	}
}

// drawTreeKeys draws names that share beginnings, some of them the beginning of others.
func drawTreeKeys(t *rapid.T, label string) []string {
	name := rapid.StringMatching(`[ab]{1,3}(-[ab]{1,2})?`)
	keys := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) string {
		return coverRoot + name.Draw(t, "namespace") + "/" + name.Draw(t, "name")
	}), 0, 200).Draw(t, label)
	slices.Sort(keys)
	return slices.Compact(keys)
}

// Each key is in exactly one part, there are never more queries than are allowed, and a
// key that comes later is in a part, or the folders' lists of names show it.
func TestCoverMissesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		keys, most := drawTreeKeys(t, "keys"), rapid.IntRange(1, 40).Draw(t, "most")
		c := newCover(coverRoot, keys, most)
		if c.size() > max(1, most) {
			t.Fatalf("%d queries of %d: %q %q", c.size(), most, c.parts, c.folders)
		}
		holders := func(key string) int {
			var n int
			for _, part := range c.parts {
				if strings.HasPrefix(key, part) {
					n++
				}
			}
			return n
		}
		for _, key := range keys {
			if holders(key) != 1 || !c.holds(key) {
				t.Fatalf("%s is in %d parts of %q", key, holders(key), c.parts)
			}
		}
		for _, key := range drawTreeKeys(t, "later") {
			if holders(key) > 1 || (holders(key) == 1) != c.holds(key) {
				t.Fatalf("%s is in %d parts of %q", key, holders(key), c.parts)
			}
			namespace, _, _ := strings.Cut(strings.TrimPrefix(key, coverRoot), "/")
			var shown bool
			for _, folder := range c.folders {
				name := key
				if folder == coverRoot {
					name = coverRoot + namespace + "/"
				}
				if _, gap := c.gap(coverRoot, name); gap && strings.HasPrefix(name, folder) {
					shown = true
				}
			}
			if holders(key) == 0 && !shown {
				t.Fatalf("nobody sees %s: parts %q, folders %q", key, c.parts, c.folders)
			}
			if prefix, gap := c.gap(coverRoot, key); gap {
				c = c.with(prefix)
			}
			if holders(key) != 1 {
				t.Fatalf("%s is in %d parts of %q after its gap was closed", key, holders(key), c.parts)
			}
		}
	})
}

func TestCoverWithoutEmptyParts(t *testing.T) {
	keys := numbered(30, "a", "b", "c")
	c := newCover(coverRoot, keys, 64).without(numbered(30, "a", "c"))
	if diff := cmp.Diff(coverKeys("a", "c"), c.parts); diff != "" {
		t.Error(diff)
	}
	if whole := newCover(coverRoot, nil, 64).without(nil); len(whole.parts) != 1 {
		t.Errorf("an empty tree is not watched: %q", whole.parts)
	}
}
