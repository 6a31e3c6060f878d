package register

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestShardsHoldEachIDOnce draws IDs, most of which are expected, and takes each shard's
// filter as Consul does.
func TestShardsHoldEachIDOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.StringMatching(`[ab.\-]{0,6}`)
		ids := rapid.SliceOfNDistinct(name, 1, 200, rapid.ID).Draw(t, "ids")
		slices.Sort(ids)
		var expected []ID
		for _, id := range ids {
			if rapid.IntRange(0, 9).Draw(t, "expected") > 0 {
				expected = append(expected, ID(id))
			}
		}
		held := map[string]int{}
		all := divide(expected, rapid.IntRange(1, 8).Draw(t, "size"), 100)
		for _, s := range all {
			for _, id := range ids {
				if chosen(t, s, id) {
					held[id]++
				}
			}
		}
		for _, id := range append(ids, "") { // a check of the node itself has no service
			if id != "" && held[id] != 1 {
				t.Fatalf("%q is in %d of %v", id, held[id], all)
			}
		}
	})
}

// chosen tells whether a shard's filter chooses an ID.
func chosen(t *rapid.T, s shard, id string) bool {
	filter := s.filter("ID")
	if filter == "" {
		return true
	}
	expression, not := strings.CutPrefix(filter, "ID not matches ")
	if !not {
		expression = strings.TrimPrefix(filter, "ID matches ")
	}
	var pattern string
	if _, err := fmt.Sscanf(expression, "%q", &pattern); err != nil {
		t.Fatalf("filter %s: %v", filter, err)
	}
	return regexp.MustCompile(pattern).MatchString(id) != not
}

// TestShards shows what is asked for, of trees of many shapes.
func TestShards(t *testing.T) {
	tree := func(namespaces, services int, name string) []ID {
		var ids []ID
		for n := range namespaces {
			for s := range services {
				ids = append(ids, ID(fmt.Sprintf("k8s-registrar-default.namespace-%02d.%s-%05d.http", n, name, s)))
			}
		}
		return ids
	}
	for _, tt := range []struct {
		name        string
		ids         []ID
		most        int // shards
		largest     int // services
		longestText int // bytes of a filter
	}{
		{"few", tree(4, 256, "service"), 1, 1024, 0},
		{"50 namespaces", tree(50, 55, "service"), 6, 1024, 2500},
		{"one namespace", tree(1, 2768, "service"), 4, 1024, 2500},
		{"500 namespaces", tree(500, 6, "service"), 8, 1024, 2500},
		{"10,000", tree(50, 200, "service"), 10, 1250, 2500},
		{"an ID that begins like all others", append(tree(1, 1100, ""), "k8s-registrar-default.namespace-00."), 2, 1101, 2500},
		{"none", nil, 1, 0, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			slices.Sort(tt.ids)
			all := shards(tt.ids)
			var largest, longest int
			for _, s := range all {
				longest = max(longest, len(s.filter("ServiceID")))
				held := 0
				for _, id := range tt.ids {
					if slices.ContainsFunc(s.prefixes, func(p string) bool { return strings.HasPrefix(string(id), p) }) != s.others {
						held++
					}
				}
				largest = max(largest, held)
			}
			if len(all) > tt.most || largest > tt.largest || longest > tt.longestText {
				t.Errorf("%d shards, the largest of %d services, filters of up to %d bytes", len(all), largest, longest)
			}
		})
	}
}

// TestTheNodeIsOutInAnyPart: the check that says so is in one of them.
func TestTheNodeIsOutInAnyPart(t *testing.T) {
	part := func(out bool) Actual { return Actual{Ours: map[ID]*Registered{}, Taken: map[ID]string{}, NodeOut: out} }
	for _, tt := range []struct{ first, second, want bool }{{}, {true, false, true}, {false, true, true}} {
		if got := part(tt.first).with(part(tt.second)).NodeOut; got != tt.want {
			t.Errorf("%v and %v: %v", tt.first, tt.second, got)
		}
	}
}
