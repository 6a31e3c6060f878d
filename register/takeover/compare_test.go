package takeover_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/k8s-registrar/k8s-registrar/register"
	"github.com/k8s-registrar/k8s-registrar/register/takeover"
)

func ours(id, name string, port int, tags ...string) register.Registration {
	return register.Registration{ID: register.ID(id), Name: name, Port: port, Tags: tags}
}

func TestCompare(t *testing.T) {
	desired := register.Desired{Want: map[register.ID]register.Registration{}}
	for _, r := range []register.Registration{
		ours("same", "same", 1, "a", "b"), ours("tags", "tags", 2, "a", "traefik.x=2"), ours("port", "port", 30), ours("new", "new", 4),
	} {
		desired.Want[r.ID] = r
	}
	old := []takeover.Old{
		{ID: "gone", Name: "gone", Port: 9}, {ID: "bad", Name: "bad", Port: 8}, {ID: "port", Name: "port", Port: 3},
		{ID: "same", Name: "same", Port: 1, Tags: []string{"b", "", "a", "b"}},
		{ID: "tags", Name: "tags", Port: 2, Tags: []string{"traefik.x=1", "a"}},
	}
	got := takeover.Compare(old, desired, map[string]string{"bad": "it is not JSON", "same": "unused"})
	want := takeover.Comparison{
		Pairs: []takeover.Pair{
			{Old: old[0], Why: "the tree asks for no service of this name"},
			{Old: old[1], Why: "it is not JSON"},
			{Old: old[2], Why: "the tree has it at port 30"},
			{Old: old[3], New: desired.Want["same"]},
			{Old: old[4], New: desired.Want["tags"], Lost: []string{"traefik.x=1"}, Gained: []string{"traefik.x=2"}},
		},
		Added: []register.Registration{desired.Want["new"], desired.Want["port"]},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	for i, same := range []bool{false, false, false, true, false} {
		if got.Pairs[i].Same() != same || got.Pairs[i].Routing() != (i == 4) {
			t.Errorf("%s: same %t, routing %t", got.Pairs[i].Old, got.Pairs[i].Same(), got.Pairs[i].Routing())
		}
	}
}
