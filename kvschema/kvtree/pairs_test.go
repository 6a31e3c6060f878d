package kvtree_test

import (
	"strings"
	"testing"

	"github.com/k8s-registrar/k8s-registrar/kvschema/kvtree"
)

// An input can be looked at as if it were the tree, without what is gone.
func TestPairsAreTheKeysOfATree(t *testing.T) {
	gone := `{"type": "DELETED", "object": ` + strings.ReplaceAll(cart, `"cart"`, `"till"`) + `}`
	in, err := kvtree.ReadAll(strings.NewReader(cart + gone))
	if err != nil {
		t.Fatal(err)
	}
	pairs := in.Pairs("kubernetes/deployments/")
	if len(pairs) != 1 || pairs[0].Key != "kubernetes/deployments/shop/cart" || !strings.Contains(string(pairs[0].Value), "NodePort") {
		t.Errorf("got %v", pairs)
	}
}

// Of two Services that claim one name the older one has it, also where there are no keys yet.
func TestPairsAreAsOldAsTheirServices(t *testing.T) {
	for created, want := range map[string]uint64{`"2026-03-02T08:20:11Z"`: 1772439611, `null`: 1, `"yesterday"`: 1, `7`: 1, `"1969-01-01T00:00:00Z"`: 1} {
		in := input(t, service("shop/a", "NodePort", `, "creationTimestamp": `+created))
		if pairs := in.Pairs(prefix); len(pairs) != 1 || pairs[0].CreateIndex != want {
			t.Errorf("%s: got %v, want %d", created, pairs, want)
		}
	}
}
