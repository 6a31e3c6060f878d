package kvtree_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/k8s-registrar/k8s-registrar/kvschema"
	"github.com/k8s-registrar/k8s-registrar/kvschema/kvtree"
)

const prefix = "kubernetes/deployments/"

// nodes is the reader of nodes whose operator said nothing.
func nodes() kvschema.Reader { return kvschema.NewReader(prefix, kvschema.Rules{}) }

// service is a Service of a type, with more fields of its metadata, such as `, "uid": "1"`.
func service(name, kind, metadata string) string {
	namespace, name, _ := strings.Cut(name, "/")
	return fmt.Sprintf(`{"kind": "Service", "metadata": {"name": %q, "namespace": %q%s}, "spec": {"type": %q, "ports": [{"port": 80, "nodePort": 30080}]}}`,
		name, namespace, metadata, kind)
}

// pairs makes a tree of keys below the prefix and their values; the first has index 1.
func pairs(keysAndValues ...string) []kvschema.Pair {
	var all []kvschema.Pair
	for i := 0; i < len(keysAndValues); i += 2 {
		index := uint64(i/2 + 1)
		key, value := prefix+keysAndValues[i], []byte(keysAndValues[i+1])
		all = append(all, kvschema.Pair{Key: key, Value: value, CreateIndex: index, ModifyIndex: index})
	}
	return all
}

// input is a List of Services.
func input(t testing.TB, services ...string) kvtree.Input {
	t.Helper()
	in, err := kvtree.ReadAll(strings.NewReader(`{"kind": "List", "items": [` + strings.Join(services, ",") + `]}`))
	if err != nil {
		t.Fatal(err)
	}
	return in
}

// words are a plan in words that tests compare.
func words(plan kvtree.Plan) []string {
	var all []string
	for _, c := range plan.Changes {
		text := fmt.Sprintf("%s %s at %d", c.Action, strings.TrimPrefix(c.Key, prefix), c.Index)
		if len(c.Fields) > 0 {
			text += ": " + strings.Join(c.Fields, " ")
		}
		all = append(all, text)
	}
	for _, c := range plan.Held {
		all = append(all, "hold "+strings.TrimPrefix(c.Key, prefix))
	}
	for _, p := range plan.Problems {
		all = append(all, fmt.Sprintf("problem %s/%s: %v", p.Namespace, p.Name, p.Err))
	}
	return all
}

func TestDiff(t *testing.T) {
	const kind = "NodePort"
	a, b, c := service("shop/a", kind, ""), service("shop/b", kind, ""), service("till/c", kind, "")
	most := kvtree.Budget{Min: 9}
	tests := map[string]struct {
		tree    []kvschema.Pair
		input   []string
		options kvtree.Options
		want    []string
	}{
		"new":                           {nil, []string{b, a}, kvtree.Options{}, []string{"add shop/a at 0", "add shop/b at 0"}},
		"the same":                      {pairs("shop/a", a), []string{a}, kvtree.Options{}, nil},
		"other layout":                  {pairs("shop/a", strings.ReplaceAll(a, " ", "\n ")), []string{a}, kvtree.Options{}, nil},
		"fields in another order":       {pairs("shop/a", a), []string{strings.Replace(strings.Replace(a, `"kind": "Service", `, "", 1), `}}`, `}, "kind": "Service"}`, 1)}, kvtree.Options{}, nil},
		"changed":                       {pairs("shop/b", b, "shop/a", a), []string{service("shop/a", kind, `, "annotations": {"tags": "x"}`)}, kvtree.Options{}, []string{"update shop/a at 2: metadata.annotations"}},
		"a number that no float holds":  {pairs("shop/a", service("shop/a", kind, `, "n": 9007199254740993`)), []string{service("shop/a", kind, `, "n": 9007199254740992`)}, kvtree.Options{}, []string{"update shop/a at 1: metadata.n"}},
		"another type":                  {nil, []string{service("shop/a", "ClusterIP", ""), service("shop/b", "LoadBalancer", "")}, kvtree.Options{}, nil},
		"chosen types":                  {nil, []string{service("shop/a", "ClusterIP", ""), service("shop/b", "LoadBalancer", "")}, kvtree.Options{Types: []string{"LoadBalancer"}}, []string{"add shop/b at 0"}},
		"no NodePort any more":          {pairs("shop/a", a), []string{service("shop/a", "ClusterIP", "")}, kvtree.Options{}, []string{"update shop/a at 1: spec.type"}},
		"value that was not JSON":       {pairs("shop/a", "not json"), []string{a}, kvtree.Options{}, []string{"update shop/a at 1: the whole value"}},
		"value with more behind it":     {pairs("shop/a", a+a), []string{a}, kvtree.Options{}, []string{"update shop/a at 1: the whole value"}},
		"empty value":                   {pairs("shop/a", ""), []string{a}, kvtree.Options{}, []string{"update shop/a at 1: the whole value"}},
		"absent":                        {pairs("shop/a", a, "shop/b", b), []string{a}, kvtree.Options{Budget: most}, nil},
		"absent, pruned":                {pairs("shop/a", a, "shop/b", b), []string{a}, kvtree.Options{Budget: most, Prune: kvtree.PruneAbsent}, []string{"remove shop/b at 2"}},
		"absent, bad":                   {pairs("shop/b", "bad"), []string{a}, kvtree.Options{Budget: most, Prune: kvtree.PruneAbsent}, []string{"add shop/a at 0", "remove shop/b at 1"}},
		"absent, only deletions pruned": {pairs("shop/a", a, "shop/b", b), []string{a}, kvtree.Options{Budget: most, Prune: kvtree.PruneDeleted}, nil},
		"removals come last":            {pairs("shop/b", b, "till/c", c), []string{a, service("till/c", kind, `, "uid": "1"`)}, kvtree.Options{Budget: most, Prune: kvtree.PruneAbsent}, []string{"add shop/a at 0", "update till/c at 2: metadata.uid", "remove shop/b at 1"}},
		"too many removals":             {pairs("shop/a", a, "shop/b", b), []string{c}, kvtree.Options{Budget: kvtree.Budget{Min: 1}, Prune: kvtree.PruneAbsent}, []string{"add till/c at 0", "hold shop/a", "hold shop/b"}},
		"a share of them":               {pairs("shop/a", a, "shop/b", b), []string{a}, kvtree.Options{Budget: kvtree.Budget{Percent: 50}, Prune: kvtree.PruneAbsent}, []string{"remove shop/b at 2"}},
		"too large a share":             {pairs("shop/a", a, "shop/b", b), []string{a}, kvtree.Options{Budget: kvtree.Budget{Percent: 49}, Prune: kvtree.PruneAbsent}, []string{"hold shop/b"}},
		"the budget is spent":           {pairs("shop/a", a, "shop/b", b), []string{a}, kvtree.Options{Budget: kvtree.Budget{Min: 1, Spent: 1}, Prune: kvtree.PruneAbsent}, []string{"hold shop/b"}},
		"no limit":                      {pairs("shop/a", a, "shop/b", b), []string{c}, kvtree.Options{Budget: kvtree.Budget{Unlimited: true}, Prune: kvtree.PruneAbsent}, []string{"add till/c at 0", "remove shop/a at 1", "remove shop/b at 2"}},
		"another namespace":             {pairs("shop/a", a), []string{c}, kvtree.Options{Budget: most, Prune: kvtree.PruneAbsent, Namespaces: []string{"till"}}, []string{"add till/c at 0"}},
		"out of scope":                  {pairs("shop/a", a), []string{c}, kvtree.Options{Budget: most, Prune: kvtree.PruneAbsent, Namespaces: []string{"bank"}}, nil},
		"unreadable": {
			pairs("shop/a", a), []string{service("shop/a", kind, `, "annotations": {"tags": 7}`), b},
			kvtree.Options{Budget: most, Prune: kvtree.PruneAbsent},
			[]string{"add shop/b at 0", "problem shop/a: metadata.annotations.tags is \"7\": want a string"},
		},
		"a name with a slash": {nil, []string{service("shop/a/b", kind, "")}, kvtree.Options{}, []string{"problem shop/a/b: its name or its namespace has a slash: it cannot have a key"}},
		"a name with dots":    {nil, []string{service("shop/..", kind, "")}, kvtree.Options{}, []string{`problem shop/..: the name ".." is not a DNS label: use a-z, 0-9 and, inside, -`}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if test.options.Types == nil {
				test.options.Types = []string{kind}
			}
			got := words(kvtree.Diff(nodes(), test.tree, input(t, test.input...), test.options))
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// What changes without the Service wakes no node.
func TestVolatileFieldsAreNoChange(t *testing.T) {
	before := service("shop/a", "NodePort", `, "resourceVersion": "1", "uid": "u"`)
	after := service("shop/a", "NodePort", `, "resourceVersion": "2", "generation": 7, "managedFields": [{}], "selfLink": "/a", "uid": "u"`)
	plan := kvtree.Diff(nodes(), pairs("shop/a", before), input(t, after), kvtree.Options{})
	if plan.Same != 1 || len(plan.Changes) > 0 {
		t.Errorf("%d the same, want 1; changes %v", plan.Same, words(plan))
	}
	other := strings.Replace(after, `"ports"`, `"resourceVersion": "3", "ports"`, 1)
	got := words(kvtree.Diff(nodes(), pairs("shop/a", before), input(t, other), kvtree.Options{}))
	if want := []string{"update shop/a at 1: spec.resourceVersion"}; !cmp.Equal(want, got) {
		t.Errorf("want %v, got %v", want, got)
	}
}

// The keys that are no Service's, and those of other trees, are as if they were not there.
func TestOnlyKeysOfServicesAreTouched(t *testing.T) {
	var tree []kvschema.Pair
	for i, key := range []string{
		prefix, prefix + "shop", prefix + "shop/", prefix + "shop/a/b", prefix + "shop/a/", prefix + "shop//a", prefix + "/a",
		"kubernetes/specifications/shop/a", "kubernetes/specifications/shop/a/latest", "kubernetes/deployments-old/shop/a", "shop/a",
	} {
		tree = append(tree, kvschema.Pair{Key: key, Value: []byte("x"), ModifyIndex: uint64(i + 1)})
	}
	o := kvtree.Options{Prune: kvtree.PruneAbsent, Budget: kvtree.Budget{Unlimited: true}}
	if got := words(kvtree.Diff(nodes(), tree, kvtree.Input{}, o)); len(got) > 0 {
		t.Errorf("want nothing, got %v", got)
	}
	if entries := kvtree.Entries(prefix, tree, nil); len(entries) > 0 {
		t.Errorf("want no entries, got %v", entries)
	}
}

// A value is what k8s-deployer would have stored: four spaces, the fields as they came, no
// text changed, nothing at the end.
func TestValueIsK8sDeployers(t *testing.T) {
	const came = ` {"kind":"Service","metadata":{"namespace":"shop","name":"a","annotations":{"z":"\u003cb\u003e & é","a":"1"},"labels":{}},
		"spec":{"type":"NodePort","ports":[{"port":80,"nodePort":30080}],"externalIPs":[]}} `
	const want = `{
    "kind": "Service",
    "metadata": {
        "namespace": "shop",
        "name": "a",
        "annotations": {
            "z": "\u003cb\u003e & é",
            "a": "1"
        },
        "labels": {}
    },
    "spec": {
        "type": "NodePort",
        "ports": [
            {
                "port": 80,
                "nodePort": 30080
            }
        ],
        "externalIPs": []
    }
}`
	plan := kvtree.Diff(nodes(), nil, input(t, came), kvtree.Options{Types: []string{"NodePort"}})
	if len(plan.Changes) != 1 {
		t.Fatalf("got %v", words(plan))
	}
	if diff := cmp.Diff(want, string(plan.Changes[0].Value)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A watch tells of each Service by itself: what it does not mention is not gone.
func TestDeletionsOfAWatch(t *testing.T) {
	a, b := service("shop/a", "NodePort", ""), service("shop/b", "NodePort", "")
	var in kvtree.Input
	reader := kvtree.NewReader(strings.NewReader(
		`{"type": "DELETED", "object": ` + a + `}{"type": "DELETED", "object": ` + b + `}{"type": "ADDED", "object": ` + b + `}`))
	for {
		events, err := reader.Next()
		if err != nil {
			break
		}
		in.Add(events...)
	}
	tree := pairs("shop/a", a, "shop/b", b, "shop/c", service("shop/c", "NodePort", ""))
	for prune, want := range map[kvtree.Prune][]string{
		kvtree.PruneNothing: nil,
		kvtree.PruneDeleted: {"remove shop/a at 1"},
		kvtree.PruneAbsent:  {"remove shop/a at 1", "remove shop/c at 3"},
	} {
		got := words(kvtree.Diff(nodes(), tree, in, kvtree.Options{Prune: prune, Budget: kvtree.Budget{Min: 9}}))
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%d (-want +got):\n%s", prune, diff)
		}
	}
}
