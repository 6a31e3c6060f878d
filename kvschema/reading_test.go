package kvschema_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/k8s-registrar/k8s-registrar/kvschema"
)

// Values of the key cartKey.
const (
	red   = `{"metadata": {"name": "cart", "annotations": {"tags": "red"}}, "spec": {"type": "NodePort", "ports": [{"nodePort": 30080}]}}`
	blue  = `{"metadata": {"name": "cart", "annotations": {"tags": "blue"}}, "spec": {"type": "NodePort", "ports": [{"nodePort": 30081}]}}`
	other = `{"metadata": {"name": "cart"}, "spec": {"type": "ClusterIP"}}`
	bad   = `{"metadata": {"name": "cart"}, "spec": {"type": "NodePort", "ports": []}}`
	worse = `not json`
)

// step is one state of the tree with the key cartKey, or without if the value is
// empty, and the reading that is wanted: tags, and whether there is a problem.
type step struct {
	value          string
	create, modify uint64
	want           string // "red", "blue", or nothing for no service
	problem        bool
}

func TestReaderRemembers(t *testing.T) {
	for _, tt := range []struct {
		name  string
		steps []step
	}{
		{"a bad value keeps the last good one", []step{{red, 1, 1, "red", false}, {bad, 1, 2, "red", true}}},
		{"a second bad value too", []step{{red, 1, 1, "red", false}, {bad, 1, 2, "red", true}, {worse, 1, 3, "red", true}}},
		{"an unchanged bad value too", []step{{red, 1, 1, "red", false}, {bad, 1, 2, "red", true}, {bad, 1, 2, "red", true}}},
		{"not the one before the last good one", []step{{red, 1, 1, "red", false}, {blue, 1, 2, "blue", false}, {bad, 1, 3, "blue", true}}},
		{"a mended value ends the problem", []step{{red, 1, 1, "red", false}, {bad, 1, 2, "red", true}, {blue, 1, 3, "blue", false}}},
		{"the same value mends too", []step{{red, 1, 1, "red", false}, {bad, 1, 2, "red", true}, {red, 1, 3, "red", false}}},
		{"a bad first value is no service", []step{{bad, 1, 1, "", true}, {red, 1, 2, "red", false}}},
		{"a key that goes is forgotten", []step{{red, 1, 1, "red", false}, {"", 0, 0, "", false}, {bad, 3, 3, "", true}}},
		{"a bad key that goes is forgotten", []step{{red, 1, 1, "red", false}, {bad, 1, 2, "red", true}, {"", 0, 0, "", false}, {bad, 1, 2, "", true}}},
		{"another type is a deletion", []step{{red, 1, 1, "red", false}, {other, 1, 2, "", false}}},
		{"another type is forgotten", []step{{red, 1, 1, "red", false}, {other, 1, 2, "", false}, {bad, 1, 3, "", true}}},
		{"another type after a bad value", []step{{red, 1, 1, "red", false}, {bad, 1, 2, "red", true}, {other, 1, 3, "", false}}},
		{"servers that lost their data: an old index, another value", []step{{red, 5, 9, "red", false}, {blue, 5, 9, "blue", false}}},
		{"servers that lost their data: the value turned bad", []step{{red, 5, 9, "red", false}, {bad, 5, 9, "red", true}}},
		{"servers that lost their data: an index that falls", []step{{red, 5, 9, "red", false}, {blue, 2, 3, "blue", false}}},
		{"a key created again", []step{{red, 1, 1, "red", false}, {red, 7, 7, "red", false}}},
		{"a key created again with a bad value", []step{{red, 1, 1, "red", false}, {bad, 7, 7, "red", true}}},
		{"a bad key created again", []step{{red, 1, 1, "red", false}, {bad, 1, 2, "red", true}, {bad, 7, 7, "red", true}}},
		{"an index that does not move", []step{{red, 1, 1, "red", false}, {red, 7, 1, "red", false}, {bad, 9, 1, "red", true}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			store := newStore("kubernetes")
			for i, step := range tt.steps {
				if diff := step.diff(store.read(step.pairs())); diff != "" {
					t.Errorf("step %d: %s", i, diff)
				}
			}
		})
	}
}

func (s step) pairs() []kvschema.Pair {
	if s.value == "" {
		return nil
	}
	return []kvschema.Pair{{Key: cartKey, Value: []byte(s.value), CreateIndex: s.create, ModifyIndex: s.modify}}
}

// diff says what is not as wanted. The CreateIndex is always that of the key now.
func (s step) diff(got kvschema.Tree) string {
	var tags []string
	for _, service := range got.Services {
		tags = append(tags, service.Tags...)
		if service.CreateIndex != s.create {
			return fmt.Sprintf("service: got CreateIndex %d, want %d", service.CreateIndex, s.create)
		}
	}
	for _, problem := range got.Problems {
		if problem.CreateIndex != s.create {
			return fmt.Sprintf("problem: got CreateIndex %d, want %d", problem.CreateIndex, s.create)
		}
	}
	if strings.Join(tags, " ") != s.want || (len(got.Problems) != 0) != s.problem {
		return fmt.Sprintf("got %+v, want tags %q and a problem: %t", got, s.want, s.problem)
	}
	return ""
}

// Two readings of one decoding share the Service, or the error.
func TestReaderDecodesOnlyWhatChanged(t *testing.T) {
	pairs := func(modify uint64) []kvschema.Pair {
		return []kvschema.Pair{
			{Key: cartKey, Value: []byte(red), CreateIndex: 1, ModifyIndex: 1},
			{Key: "kubernetes/deployments/shop/till", Value: []byte(bad), CreateIndex: 2, ModifyIndex: 2},
			{Key: "kubernetes/deployments/team/cart", Value: []byte(red), CreateIndex: 3, ModifyIndex: modify},
		}
	}
	store := newStore("kubernetes")
	first, again := store.read(pairs(3)), store.read(pairs(4))
	if len(first.Services) != 2 || len(first.Problems) != 1 {
		t.Fatalf("want two services and a problem, got %+v", first)
	}
	diff(t, words(first), words(again))
	if first.Services[0] != again.Services[0] {
		t.Error("the unchanged value was decoded again")
	}
	if first.Problems[0].Err != again.Problems[0].Err { //nolint:errorlint // the very same
		t.Error("the unchanged bad value was decoded again")
	}
	if first.Services[1] == again.Services[1] {
		t.Error("the changed value was not decoded: two decodings cannot be told from one")
	}
}

func TestReaderForgetsEmptyTree(t *testing.T) {
	store := newStore("kubernetes")
	store.read([]kvschema.Pair{{Key: cartKey, Value: []byte(red)}})
	diff(t, kvschema.Tree{}, store.read(nil))
	diff(t, kvschema.Tree{}, store.read([]kvschema.Pair{{Key: "kubernetes/deployments/"}}))
}

// A pass may still hold the tree of the one before, and the reader of the store
// may use its buffers again.
func TestTreeIsNotTouchedLater(t *testing.T) {
	value := []byte(red)
	store := newStore("kubernetes")
	tree := store.read([]kvschema.Pair{{Key: cartKey, Value: value, CreateIndex: 1, ModifyIndex: 1}})
	copy(value, bad)
	store.read([]kvschema.Pair{{Key: cartKey, Value: value, CreateIndex: 8, ModifyIndex: 8}})
	diff(t, []*kvschema.Service{{
		Ref:   kvschema.Ref{Key: cartKey, Namespace: "shop", Name: "cart", CreateIndex: 1},
		Ports: []kvschema.Port{{Protocol: "TCP", NodePort: 30080}},
		Tags:  []string{"red"},
	}}, tree.Services)
}

func TestTreeIsSortedByKey(t *testing.T) {
	keys := []string{"a/z", "shop/b", "a-b/a", "shop/bad", "shop/a", "a/bad", "shop-x/a", "shop/a-1"}
	var pairs []kvschema.Pair
	for _, key := range keys {
		_, name, _ := strings.Cut(key, "/")
		value := strings.Replace(good, "cart", strings.Replace(name, "bad", "else", 1), 1)
		pairs = append(pairs, kvschema.Pair{Key: "kubernetes/deployments/" + key, Value: []byte(value)})
	}
	tree := read(pairs...)
	var services, problems []string
	for _, s := range tree.Services {
		services = append(services, s.Namespace+"/"+s.Name)
	}
	for _, p := range tree.Problems {
		problems = append(problems, p.Namespace+"/"+p.Name)
	}
	diff(t, []string{"a-b/a", "a/z", "shop-x/a", "shop/a", "shop/a-1", "shop/b"}, services)
	diff(t, []string{"a/bad", "shop/bad"}, problems)
}

// Whatever happens to a few keys, each is what a map of last good values says.
func TestReaderIsAMapOfLastGoodValues(t *testing.T) {
	names := []string{"cart", "till", "shelf"}
	rapid.Check(t, func(t *rapid.T) {
		store := newStore("kubernetes")
		last := map[string]string{} // the tag by name
		for range rapid.IntRange(1, 8).Draw(t, "states") {
			var pairs []kvschema.Pair
			var want, problems []string
			for _, name := range names {
				value := rapid.SampledFrom([]string{red, blue, other, bad, worse, ""}).Draw(t, name)
				index := rapid.Uint64Range(1, 3).Draw(t, "index") // may say too little, never matters
				switch value {
				case red:
					last[name] = "red"
				case blue:
					last[name] = "blue"
				case other, "":
					delete(last, name)
				default:
					problems = append(problems, name)
				}
				if value != "" {
					value = strings.Replace(value, "cart", name, 1)
					pairs = append(pairs, kvschema.Pair{Key: "kubernetes/deployments/shop/" + name, Value: []byte(value), ModifyIndex: index})
				}
				if last[name] != "" {
					want = append(want, name+" "+last[name])
				}
			}
			tree := store.read(pairs)
			var got, gotProblems []string
			for _, s := range tree.Services {
				got = append(got, s.Name+" "+strings.Join(s.Tags, " "))
			}
			for _, p := range tree.Problems {
				gotProblems = append(gotProblems, p.Name)
			}
			slices.Sort(want)
			slices.Sort(problems)
			if !slices.Equal(want, got) || !slices.Equal(problems, gotProblems) {
				t.Fatalf("got %q and problems %q, want %q and %q", got, gotProblems, want, problems)
			}
		}
	})
}
