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
