package spread_test

import (
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/k8s-registrar/k8s-registrar/kvschema"
	"github.com/k8s-registrar/k8s-registrar/register"
	"github.com/k8s-registrar/k8s-registrar/register/spread"
)

// want is what is desired for a key.
func want(key string, copies int) register.Registration {
	return register.Registration{
		ID: register.ID("id." + key), Name: key, Copies: copies, Meta: register.NewMeta(map[string]string{register.MetaKey: key}),
	}
}

func desired(all ...register.Registration) register.Desired {
	d := register.Desired{Want: map[register.ID]register.Registration{}, Keep: map[string]struct{}{}}
	for _, r := range all {
		d.Want[r.ID] = r
	}
	return d
}

// holding is what an agent holds.
func holding(keys ...string) register.Actual {
	actual := register.Actual{Ours: map[register.ID]*register.Registered{}}
	for _, key := range keys {
		r := want(key, 0)
		actual.Ours[r.ID] = &register.Registered{ID: r.ID, Name: r.Name, Meta: r.Meta}
	}
	return actual
}

func named(names ...string) spread.Members {
	var all []spread.Member
	for _, name := range names {
		all = append(all, spread.Member{Name: name})
	}
	return spread.NewMembers(all...)
}

// TestShare has what becomes of one service.
func TestShare(t *testing.T) {
	three := named("a", "b", "c")
	holder := three.Holders("s", 1, nil)[0]
	other := map[string]string{"a": "b", "b": "c", "c": "a"}[holder]
	for _, tt := range []struct {
		what     string
		view     spread.View
		copies   int
		held     bool
		released bool
		want     string // "announced", "leaving" or "elsewhere"
	}{
		{"without spread", spread.View{}, 1, false, false, "announced"},
		{"nothing is known yet", spread.View{Mode: spread.Pending}, 1, false, false, "elsewhere"},
		{"nothing is known yet, and it is announced", spread.View{Mode: spread.Pending}, 1, true, true, "announced"},
		{"nothing is known yet, and it is for all", spread.View{Mode: spread.Pending}, 0, false, false, "announced"},
		{"it is ours", spread.View{Mode: spread.Shared, Self: holder, Members: three}, 1, false, false, "announced"},
		{"it is for all", spread.View{Mode: spread.Shared, Self: other, Members: three}, 0, false, false, "announced"},
		{"it is another's", spread.View{Mode: spread.Shared, Self: other, Members: three}, 1, false, false, "elsewhere"},
		{"it is another's, and we hold it", spread.View{Mode: spread.Shared, Self: other, Members: three}, 1, true, false, "leaving"},
		{"it is another's, and we may let it go", spread.View{Mode: spread.Shared, Self: other, Members: three}, 1, true, true, "elsewhere"},
		{"there are as many as copies", spread.View{Mode: spread.Shared, Self: other, Members: three}, 3, false, false, "announced"},
		{"there are fewer than copies", spread.View{Mode: spread.Shared, Self: other, Members: three}, 4, false, false, "announced"},
		{"there are fewer, and we are none of them", spread.View{Mode: spread.Shared, Self: "z", Members: three}, 4, true, true, "announced"},
		{"we are taken out", spread.View{Mode: spread.Shared, Self: "z", Members: three}, 3, true, false, "leaving"},
	} {
		t.Run(tt.what, func(t *testing.T) {
			all := desired(want("s", tt.copies))
			var actual register.Actual
			if tt.held {
				actual = holding("s")
			}
			share := tt.view.Share(all, actual, map[string]bool{"s": tt.released})
			got := "announced"
			if _, elsewhere := share.Desired.Elsewhere["s"]; elsewhere {
				got = "elsewhere"
			}
			if _, leaving := share.Leaving["s"]; leaving {
				got = "leaving"
			}
			if got != tt.want {
				t.Errorf("it is %s, want %s", got, tt.want)
			}
			if _, there := share.Desired.Want["id.s"]; there != (got != "elsewhere") {
				t.Errorf("it is %s and desired is %v", got, there)
			}
			if len(all.Want) != 1 {
				t.Error("what was given was changed")
			}
		})
	}
}

// TestServiceForSomeNodesIsSharedAmongThose: holders that do not announce it would be none.
func TestServiceForSomeNodesIsSharedAmongThose(t *testing.T) {
	members := spread.NewMembers(
		spread.Member{Name: "a", Meta: map[string]string{"role": "edge"}}, spread.Member{Name: "b"}, spread.Member{Name: "c"},
		spread.Member{Name: "d", Meta: map[string]string{"role": "edge"}},
	)
	r := want("s", 2)
	r.Nodes = kvschema.Selector{{Key: "role", Value: "edge"}}
	got := spread.View{Mode: spread.Shared, Self: "a", Members: members}.Holders(r)
	slices.Sort(got)
	if d := cmp.Diff([]string{"a", "d"}, got); d != "" {
		t.Error(d)
	}
}

// TestRemovalOfAShareIsNoLoss: it is neither counted nor held by the guard, and what the tree
// has lost still is.
func TestRemovalOfAShareIsNoLoss(t *testing.T) {
	view := spread.View{Mode: spread.Shared, Self: "z", Members: named("a", "b")}
	share := view.Share(desired(want("s", 1)), holding("s", "deleted"), map[string]bool{"s": true})
	plan := register.Budget{}.Hold(register.Diff(share.Desired, holding("s", "deleted")), share.Desired, 2)
	if len(plan.Steps) != 1 || plan.Steps[0].Key() != "s" || len(plan.Held) != 1 || plan.Held[0].Key() != "deleted" {
		t.Errorf("the plan is\n%sand held is %v", plan, plan.Held)
	}
}

// TestPortThatTheServiceLostIsALoss also where the Service is another's now.
func TestPortThatTheServiceLostIsALoss(t *testing.T) {
	view := spread.View{Mode: spread.Shared, Self: "z", Members: named("a", "b")}
	actual := holding("s", "s-metrics")
	port := actual.Ours["id.s-metrics"]
	port.Port, port.Meta = 1, register.NewMeta(map[string]string{register.MetaKey: "s"})
	actual.Ours["id.s-metrics"] = port
	share := view.Share(desired(want("s", 1)), actual, map[string]bool{"s": true})
	plan := register.Diff(share.Desired, actual)
	if leaving := plan.Leaving(share.Desired); len(plan.Steps) != 2 || len(leaving) != 1 || leaving[0].ID != "id.s-metrics" {
		t.Errorf("the plan is\n%sand what leaves is %v", plan, leaving)
	}
}

func TestReleased(t *testing.T) {
	leaving := spread.Leaving{Holders: []string{"a", "b"}, Ports: []register.Registration{want("x", 2), want("y", 2)}}
	for _, tt := range []struct {
		x, y []string
		want bool
	}{
		{[]string{"a", "b"}, []string{"b", "a"}, true},
		{[]string{"a", "b"}, []string{"a"}, false},
		{[]string{"a", "b"}, nil, false},
		{[]string{"a", "c", "d"}, []string{"a", "b"}, false}, // as many, but others
	} {
		if got := leaving.Released(map[register.ID][]string{"id.x": tt.x, "id.y": tt.y}); got != tt.want {
			t.Errorf("%v and %v: %v", tt.x, tt.y, got)
		}
	}
	if (spread.Leaving{}).Released(nil) {
		t.Error("nothing is known of it, and it may go")
	}
}

// fleetModel is nodes that each have a view of their own, and what the servers have of them.
type fleetModel struct {
	copies  int
	keys    []string
	truth   map[string]bool           // the members as they are
	views   map[string]spread.Members // as each node knows them
	catalog map[string]map[string]bool
	// released is what each node has found that it may let go, with the view it has.
	released map[string]map[string]bool
}

func (f *fleetModel) share(node string, released map[string]bool) spread.Share {
	all := desired()
	for _, key := range f.keys {
		r := want(key, f.copies)
		all.Want[r.ID] = r
	}
	view := spread.View{Mode: spread.Shared, Self: node, Members: f.views[node]}
	return view.Share(all, holding(slices.Collect(maps.Keys(f.catalog[node]))...), released)
}

// look finds what a node may let go: nothing unless all agree, which is what waiting until
// nothing has changed for a while stands for.
func (f *fleetModel) look(node string) {
	f.released[node] = map[string]bool{}
	if !f.agree() {
		return
	}
	for key, leaving := range f.share(node, nil).Leaving {
		passing := map[register.ID][]string{}
		for other, keys := range f.catalog {
			if keys[key] {
				passing[want(key, 0).ID] = append(passing[want(key, 0).ID], other)
			}
		}
		f.released[node][key] = leaving.Released(passing)
	}
}

// act is the rest of a pass, in which others may look too.
func (f *fleetModel) act(node string) {
	share := f.share(node, f.released[node])
	f.catalog[node], f.released[node] = map[string]bool{}, nil
	for _, r := range share.Desired.Want {
		f.catalog[node][r.Key()] = true
	}
}

func (f *fleetModel) hear(node string) { f.views[node], f.released[node] = f.members(), nil }

func (f *fleetModel) agree() bool {
	for node := range f.catalog {
		if !slices.Equal(f.views[node].Names(), f.members().Names()) {
			return false
		}
	}
	return true
}

func (f *fleetModel) members() spread.Members {
	return named(slices.Sorted(maps.Keys(f.truth))...)
}

func (f *fleetModel) count(key string) (n int) {
	for _, keys := range f.catalog {
		if keys[key] {
			n++
		}
	}
	return n
}

func (f *fleetModel) converge() {
	for node := range f.catalog {
		f.hear(node)
	}
	for range 2 { // all add, then all let go
		for node := range f.catalog {
			f.look(node)
		}
		for node := range f.catalog {
			f.act(node)
		}
	}
}

// TestNeverFewerThanCopies: nodes come, are taken out and come back, and hear of it at
// different times. At no moment a service has fewer instances than it should, and in the end
// each has just as many, on the nodes whose share it is.
func TestNeverFewerThanCopies(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := &fleetModel{copies: rapid.IntRange(1, 2).Draw(t, "copies"), truth: map[string]bool{}, views: map[string]spread.Members{}, catalog: map[string]map[string]bool{}, released: map[string]map[string]bool{}}
		names := []string{"a", "b", "c", "d"}
		for _, name := range names[:rapid.IntRange(f.copies, len(names)).Draw(t, "nodes")] {
			f.truth[name], f.catalog[name] = true, map[string]bool{}
		}
		for i := range 6 {
			f.keys = append(f.keys, key(i))
		}
		f.converge()
		for range 100 {
			node := rapid.SampledFrom(names).Draw(t, "node")
			switch rapid.SampledFrom([]string{"hear", "hear", "all hear", "all look", "act", "act", "turn"}).Draw(t, "step") {
			case "turn": // it comes, or is taken out
				if f.truth[node] && len(f.truth) > f.copies {
					delete(f.truth, node)
				} else if !f.truth[node] {
					f.truth[node] = true
					if f.catalog[node] == nil {
						f.catalog[node] = map[string]bool{}
						f.hear(node)
					}
				}
			case "hear":
				if f.catalog[node] != nil {
					f.hear(node)
				}
			case "all hear":
				for node := range f.catalog {
					f.hear(node)
				}
			case "all look":
				for node := range f.catalog {
					f.look(node)
				}
			case "act":
				if f.catalog[node] != nil {
					f.act(node)
				}
			}
			for _, key := range f.keys {
				if n := f.count(key); n < f.copies {
					t.Fatalf("%s has %d instances, want %d: %v", key, n, f.copies, f.catalog)
				}
			}
		}
		f.converge()
		for _, key := range f.keys {
			for _, holder := range f.members().Holders(key, f.copies, nil) {
				if !f.catalog[holder][key] {
					t.Fatalf("%s should hold %s", holder, key)
				}
			}
			if n := f.count(key); n != f.copies {
				t.Fatalf("%s has %d instances in the end, want %d", key, n, f.copies)
			}
		}
	})
}

// BenchmarkShare is what a pass costs for 2,768 services on 1,000 nodes.
func BenchmarkShare(b *testing.B) {
	var names []string
	for i := range 1000 {
		names = append(names, key(i))
	}
	all := desired()
	for i := range 2768 {
		r := want(key(i), 3)
		all.Want[r.ID] = r
	}
	view := spread.View{Mode: spread.Shared, Self: names[0], Members: named(names...), Since: time.Now()}
	for b.Loop() {
		view.Share(all, register.Actual{}, nil)
	}
}
