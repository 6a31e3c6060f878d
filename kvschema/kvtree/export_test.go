package kvtree_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/k8s-registrar/k8s-registrar/kvschema/kvtree"
)

func TestExport(t *testing.T) {
	const want = `{
    "apiVersion": "v1",
    "items": [
        {
            "kind": "Service",
            "metadata": {
                "namespace": "shop",
                "name": "a",
                "labels": {
                    "x": "\u003c>"
                }
            }
        }
    ],
    "kind": "List",
    "metadata": {
        "resourceVersion": ""
    }
}
`
	tree := pairs(
		"shop/a", `{"kind": "Service", "metadata": {"namespace": "shop", "name": "a", "labels": {"x": "\u003c>"}}}`,
		"shop/b", "not json",
		"shop/c", `{"kind": "Service", "metadata": {"namespace": "shop", "name": "a"}}`,
		"shop/d", `{"kind": "Pod", "metadata": {"namespace": "shop", "name": "d"}}`,
		"shop/e", `{"kind": "Service", "metadata": {"name": "e"}}`,
		"shop/f", "",
	)
	list, problems, err := kvtree.Export(kvtree.Entries(prefix, tree, nil))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, string(list)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	var got []string
	for _, p := range problems {
		got = append(got, fmt.Sprintf("%s: %v", p.Name, p.Err))
	}
	if diff := cmp.Diff([]string{
		"b: the value is not JSON",
		"c: the value is of shop/a and not what the key says",
		"d: the value is no Kubernetes Service",
		`e: metadata.namespace of "e" is missing: want Services as the API server has them`,
		"f: the value is not JSON",
	}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestEntries(t *testing.T) {
	tree := pairs("till/a", service("till/a", "NodePort", ""), "shop-2/a", "x", "shop/b", `{"spec": {"ports": [{"port": 53, "protocol": "UDP"}, {"port": 80, "nodePort": 30080}]}}`, "shop/a", "{}")
	var got []string
	for _, e := range kvtree.Entries(prefix, tree, nil) {
		got = append(got, fmt.Sprint(e.Namespace, "/", e.Name, " ", e.Type(), " ", e.Ports(), " ", e.Removal().Index))
	}
	if diff := cmp.Diff([]string{
		"shop/a  [] 4", "shop/b  [53/UDP 80:30080/TCP] 3", "shop-2/a  [] 2", "till/a NodePort [80:30080/TCP] 1",
	}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if n := len(kvtree.Entries(prefix, tree, []string{"shop", "till"})); n != 3 {
		t.Errorf("%d entries of two namespaces, want 3", n)
	}
}
