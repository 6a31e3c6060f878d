package kvschema_test

import (
	"strings"
	"testing"

	"github.com/k8s-registrar/k8s-registrar/kvschema"
)

func TestPrefixEndsTheNameOfTheTree(t *testing.T) {
	for _, tt := range []struct{ keyPath, want string }{
		{"kubernetes", "kubernetes/deployments/"},
		{"kubernetes/", "kubernetes/deployments/"},
		{"/kubernetes", "kubernetes/deployments/"},
		{"kubernetes/prod-eu", "kubernetes/prod-eu/deployments/"},
		{"/kubernetes/prod-eu/", "kubernetes/prod-eu/deployments/"},
	} {
		t.Run(tt.keyPath, func(t *testing.T) { diff(t, tt.want, kvschema.Prefix(tt.keyPath)) })
	}
}

func TestKeyNamesTheService(t *testing.T) {
	got := read(kvschema.Pair{Key: cartKey, Value: []byte(good), CreateIndex: 7, ModifyIndex: 9})
	want := kvschema.Tree{Services: []*kvschema.Service{{
		Ref:   kvschema.Ref{Key: cartKey, Namespace: "shop", Name: "cart", CreateIndex: 7},
		Ports: []kvschema.Port{{Protocol: "TCP", NodePort: 30080}},
	}}}
	diff(t, want, got)
}

func TestProblemNamesTheService(t *testing.T) {
	got := read(kvschema.Pair{Key: cartKey, Value: []byte("x"), CreateIndex: 7, ModifyIndex: 9})
	if len(got.Problems) != 1 {
		t.Fatalf("want one problem, got %+v", got)
	}
	diff(t, kvschema.Ref{Key: cartKey, Namespace: "shop", Name: "cart", CreateIndex: 7}, got.Problems[0].Ref)
	if cause := got.Problems[0].Unwrap(); cause != got.Problems[0].Err { //nolint:errorlint // the very same
		t.Errorf("Unwrap: got %v, want %v", cause, got.Problems[0].Err)
	}
}

// A key that is ours is a problem here, since its value is none; any other is
// nothing at all.
func TestOnlyKeysOfTheTreeAreRead(t *testing.T) {
	for _, tt := range []struct {
		name, key string
		ours      bool
	}{
		{"a Service", "kubernetes/deployments/shop/cart", true},
		{"a namespace and a name that look like the tree", "kubernetes/deployments/deployments/deployments", true},
		{"folder of the root", "kubernetes/", false},
		{"folder of the tree", "kubernetes/deployments/", false},
		{"folder of a namespace", "kubernetes/deployments/shop/", false},
		{"folder of a Service", "kubernetes/deployments/shop/cart/", false},
		{"the tree without its slash", "kubernetes/deployments", false},
		{"no namespace", "kubernetes/deployments/cart", false},
		{"empty namespace", "kubernetes/deployments//cart", false},
		{"only slashes", "kubernetes/deployments///", false},
		{"one deeper", "kubernetes/deployments/shop/cart/latest", false},
		{"two deeper", "kubernetes/deployments/shop/cart/v1/latest", false},
		{"longer name without a dash", "kubernetes/deploymentsx/shop/cart", false},
		{"longer name with a dash", "kubernetes/deployments-old/shop/cart", false},
		{"shorter name", "kubernetes/deployment/shop/cart", false},
		{"other case", "kubernetes/Deployments/shop/cart", false},
		{"specifications", "kubernetes/specifications/shop/cart", false},
		{"one specification", "kubernetes/specifications/shop/cart/latest", false},
		{"another cluster", "kubernetes/prod/deployments/shop/cart", false},
		{"another root", "k8s/deployments/shop/cart", false},
		{"a root before ours", "my/kubernetes/deployments/shop/cart", false},
		{"a root with a slash before", "/kubernetes/deployments/shop/cart", false},
		{"no key", "", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := read(kvschema.Pair{Key: tt.key, Value: []byte("not json")})
			if len(got.Services) != 0 || (len(got.Problems) == 1) != tt.ours {
				t.Errorf("%q: ours is %t, want %t: %+v", tt.key, !tt.ours, tt.ours, got)
			}
		})
	}
}

func TestNameThatDNSCannotCarryIsAProblem(t *testing.T) {
	long := strings.Repeat("a", 64)
	for _, tt := range []struct{ name, key, want string }{
		{"upper case", "shop/Cart", `the name "Cart" is not a DNS label: use a-z, 0-9 and, inside, -`},
		{"underscore", "shop/my_cart", `the name "my_cart" is not a DNS label: use a-z, 0-9 and, inside, -`},
		{"dot", "shop/cart.v2", `the name "cart.v2" is not a DNS label: use a-z, 0-9 and, inside, -`},
		{"space", "shop/my cart", `the name "my cart" is not a DNS label: use a-z, 0-9 and, inside, -`},
		{"dash before", "shop/-cart", `the name "-cart" is not a DNS label: use a-z, 0-9 and, inside, -`},
		{"dash after", "shop/cart-", `the name "cart-" is not a DNS label: use a-z, 0-9 and, inside, -`},
		{"only a dash", "shop/-", `the name "-" is not a DNS label: use a-z, 0-9 and, inside, -`},
		{"accent", "shop/café", `the name "café" is not a DNS label: use a-z, 0-9 and, inside, -`},
		{"escape", "shop/\x1b[2J", `the name "\x1b[2J" is not a DNS label: use a-z, 0-9 and, inside, -`},
		{"not UTF-8", "shop/\xff", `the name "\xff" is not a DNS label: use a-z, 0-9 and, inside, -`},
		{"64 characters", "shop/" + long, `the name has 64 characters: a DNS label has at most 63`},
		{"namespace", "my_shop/cart", `the namespace "my_shop" is not a DNS label: use a-z, 0-9 and, inside, -`},
		{"namespace of 64 characters", long + "/cart", `the namespace has 64 characters: a DNS label has at most 63`},
		{"both", "My/Cart", `the namespace "My" is not a DNS label: use a-z, 0-9 and, inside, -`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, name, _ := strings.Cut(tt.key, "/")
			value := strings.Replace(good, "cart", name, 1)
			got := words(read(kvschema.Pair{Key: "kubernetes/deployments/" + tt.key, Value: []byte(value)}))
			diff(t, tree{Problems: []string{"read kubernetes/deployments/" + tt.key + ": " + tt.want}}, got)
		})
	}
}

func TestNameThatDNSCarriesIsTaken(t *testing.T) {
	for _, name := range []string{"a", "0", "1st", "a-b", "a--b", "42", strings.Repeat("a", 63)} {
		t.Run(name, func(t *testing.T) {
			value := strings.Replace(good, "cart", name, 1)
			got := words(read(kvschema.Pair{Key: "kubernetes/deployments/" + name + "/" + name, Value: []byte(value)}))
			if len(got.Services) != 1 || got.Services[0].Namespace != name || got.Services[0].Name != name {
				t.Errorf("want one service %s, got %+v", name, got)
			}
		})
	}
}

func TestOlderKeyHoldsAName(t *testing.T) {
	ref := func(key string, index uint64) kvschema.Ref { return kvschema.Ref{Key: key, CreateIndex: index} }
	for _, tt := range []struct {
		name string
		a, b kvschema.Ref
		want int
	}{
		{"older", ref("b", 1), ref("a", 2), -1},
		{"younger", ref("a", 2), ref("b", 1), 1},
		{"same age, smaller key", ref("a", 1), ref("b", 1), -1},
		{"same age, larger key", ref("b", 1), ref("a", 1), 1},
		{"itself", ref("a", 1), ref("a", 1), 0},
		{"an age beyond 63 bits", ref("a", 1<<63), ref("b", 1), 1},
	} {
		t.Run(tt.name, func(t *testing.T) { diff(t, tt.want, kvschema.Older(tt.a, tt.b)) })
	}
}
