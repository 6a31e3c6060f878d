package kvtree_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/k8s-registrar/k8s-registrar/kvschema"
	"github.com/k8s-registrar/k8s-registrar/kvschema/kvtree"
)

// world is a tree, and Services in Kubernetes, both by "namespace/name".
type world struct {
	tree     map[string]string
	services map[string]string
}

func (w world) pairs() []kvschema.Pair {
	var flat []string
	for _, name := range slices.Sorted(maps.Keys(w.tree)) {
		flat = append(flat, name, w.tree[name])
	}
	return pairs(flat...)
}

func (w world) input(t testing.TB) kvtree.Input {
	return input(t, slices.Collect(maps.Values(w.services))...)
}

// after is the world when a plan was carried out.
func (w world) after(plan kvtree.Plan) world {
	tree := maps.Clone(w.tree)
	for _, c := range plan.Changes {
		name := c.Key[len(prefix):]
		if c.Action == kvtree.Remove {
			delete(tree, name)
		} else {
			tree[name] = string(c.Value)
		}
	}
	return world{tree, w.services}
}

// worlds draws a tree and Services that have to do with each other.
func worlds() *rapid.Generator[world] {
	names := rapid.SampledFrom([]string{"shop/a", "shop/b", "shop/c", "till/a", "till/b", "bank/a"})
	kinds := rapid.SampledFrom([]string{"NodePort", "NodePort", "ClusterIP", "LoadBalancer"})
	metadata := rapid.SampledFrom([]string{
		"", `, "resourceVersion": "1"`, `, "resourceVersion": "2", "managedFields": [{"a": [1]}]`,
		`, "annotations": {"tags": "<x>,é"}`, `, "annotations": {"tags": "\u003cx\u003e,é"}`, `, "uid": "u"`,
	})
	values := func(r *rapid.T) map[string]string {
		all := map[string]string{}
		for _, name := range rapid.SliceOfNDistinct(names, 0, 6, rapid.ID).Draw(r, "names") {
			all[name] = service(name, kinds.Draw(r, "kind"), metadata.Draw(r, "metadata"))
		}
		return all
	}
	return rapid.Custom(func(r *rapid.T) world { return world{values(r), values(r)} })
}

func everything() kvtree.Options {
	return kvtree.Options{Types: []string{"NodePort"}, Prune: kvtree.PruneAbsent, Budget: kvtree.Budget{Unlimited: true}}
}

// An import makes the tree say what Kubernetes says, and a second one writes nothing.
func TestImportConverges(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		w := worlds().Draw(r, "world")
		plan := kvtree.Diff(nodes(), w.pairs(), w.input(t), everything())
		then := w.after(plan)
		if again := words(kvtree.Diff(nodes(), then.pairs(), w.input(t), everything())); len(again) > 0 {
			r.Errorf("twice: %v", again)
		}
		for name, value := range then.tree {
			if _, lives := w.services[name]; !lives {
				r.Errorf("%s is still there", name)
			} else if diff := cmp.Diff(meaning(r, w.services[name]), meaning(r, value)); diff != "" {
				r.Errorf("%s (-want +got):\n%s", name, diff)
			}
		}
		for name, value := range w.services {
			_, before := w.tree[name]
			nodePort := meaning(r, value)["spec"].(map[string]any)["type"] == "NodePort"
			if _, now := then.tree[name]; now != (before || nodePort) {
				r.Errorf("%s has a key: %t", name, now)
			}
		}
	})
}

// meaning is a value without what changes by itself.
func meaning(t *rapid.T, value string) map[string]any {
	var root map[string]any
	if err := json.Unmarshal([]byte(value), &root); err != nil {
		t.Fatal(err)
	}
	metadata := root["metadata"].(map[string]any)
	delete(metadata, "resourceVersion")
	delete(metadata, "managedFields")
	return root
}

// Pruning takes out exactly the keys of what is not there, whole or not at all, and
// without pruning no key goes.
func TestPruneRemovesExactlyWhatIsAbsent(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		w := worlds().Draw(r, "world")
		o := everything()
		o.Prune = rapid.SampledFrom([]kvtree.Prune{kvtree.PruneNothing, kvtree.PruneDeleted, kvtree.PruneAbsent}).Draw(r, "prune")
		o.Budget = kvtree.Budget{Min: rapid.IntRange(0, 3).Draw(r, "min"), Percent: rapid.IntRange(0, 100).Draw(r, "percent")}
		if rapid.Bool().Draw(r, "scoped") {
			o.Namespaces = []string{"shop", "bank"}
		}
		var absent []string
		owned := 0
		for name := range w.tree {
			inScope := o.Namespaces == nil || name[:4] != "till"
			if inScope {
				owned++
			}
			if _, lives := w.services[name]; inScope && !lives && o.Prune == kvtree.PruneAbsent {
				absent = append(absent, name)
			}
		}
		slices.Sort(absent)
		plan := kvtree.Diff(nodes(), w.pairs(), w.input(t), o)
		removed, held := removals(plan.Changes), removals(plan.Held)
		if len(absent) <= o.Budget.Min || len(absent)*100 <= owned*o.Budget.Percent {
			held, removed = removed, held
		}
		if len(removed) > 0 || !slices.Equal(absent, held) {
			r.Errorf("want %v, got %v and wrongly %v", absent, held, removed)
		}
	})
}

func removals(changes []kvtree.Change) []string {
	var names []string
	for _, c := range changes {
		if c.Action == kvtree.Remove {
			names = append(names, c.Namespace+"/"+c.Name)
		}
	}
	slices.Sort(names)
	return names
}

// What was exported is there already, to the last field.
func TestImportOfExportChangesNothing(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		w := worlds().Draw(r, "world")
		list, problems, err := kvtree.Export(kvtree.Entries(prefix, w.pairs(), nil))
		if err != nil || len(problems) > 0 {
			r.Fatal(problems, err)
		}
		in, err := kvtree.ReadAll(bytes.NewReader(list))
		if err != nil || in.Len() != len(w.tree) {
			r.Fatalf("%d Services of %d, %v", in.Len(), len(w.tree), err)
		}
		if changes := words(kvtree.Diff(nodes(), w.pairs(), in, everything())); len(changes) > 0 {
			r.Errorf("changes: %v", changes)
		}
		empty := world{tree: map[string]string{}}
		o := everything()
		o.Types = []string{"NodePort", "LoadBalancer", "ClusterIP"}
		copied := empty.after(kvtree.Diff(nodes(), nil, in, o))
		for name, value := range w.tree {
			if compact(r, value) != compact(r, copied.tree[name]) {
				r.Errorf("%s: was %s, became %s", name, value, copied.tree[name])
			}
		}
	})
}

func compact(t *rapid.T, value string) string {
	var b bytes.Buffer
	if err := json.Compact(&b, []byte(value)); err != nil {
		t.Fatal(err)
	}
	return b.String()
}
