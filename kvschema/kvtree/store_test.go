package kvtree_test

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/consul/api"

	"github.com/k8s-registrar/k8s-registrar/kvschema"
	"github.com/k8s-registrar/k8s-registrar/kvschema/kvtree"
	"github.com/k8s-registrar/k8s-registrar/register/consultest"
)

func newTree(c *consultest.Consul, keysAndValues ...string) kvtree.Store {
	for i := 0; i < len(keysAndValues); i += 2 {
		c.SetKV(prefix+keysAndValues[i], keysAndValues[i+1])
	}
	return kvtree.NewStore(c.Client(), prefix)
}

func read(t *testing.T, store kvtree.Store) []kvschema.Pair {
	t.Helper()
	all, err := store.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// write makes changes and returns what became of each, in words.
func write(t *testing.T, store kvtree.Store, changes []kvtree.Change) (outcomes []string, err error) {
	t.Helper()
	err = store.Write(t.Context(), changes, func(o kvtree.Outcome) {
		text := fmt.Sprintf("%s %s/%s", o.Action, o.Namespace, o.Name)
		if o.Err != nil {
			text += ": " + o.Err.Error()
		}
		outcomes = append(outcomes, text)
	})
	return outcomes, err
}

func plan(t *testing.T, store kvtree.Store, services ...string) kvtree.Plan {
	t.Helper()
	return kvtree.Diff(nodes(), read(t, store), input(t, services...), everything())
}

// The tree as it is in Consul, index by index, is what a plan is made of.
func TestWriteThenRead(t *testing.T) {
	c := consultest.New()
	store := newTree(c, "shop/b", service("shop/b", "NodePort", ""), "shop/c", "x")
	c.SetKV("kubernetes/deployments-old/shop/z", "x")
	a, b := service("shop/a", "NodePort", ""), service("shop/b", "NodePort", `, "uid": "2"`)
	outcomes, err := write(t, store, plan(t, store, a, b).Changes)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"add shop/a", "update shop/b", "remove shop/c"}, outcomes); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if n := len(c.Writes()); n != 1 {
		t.Errorf("%d writes, want all in one: %v", n, c.Writes())
	}
	if again := plan(t, store, a, b); len(again.Changes) > 0 || again.Same != 2 {
		t.Errorf("%d are the same; changes %v", again.Same, words(again))
	}
}

// A change is made to what was read, or not at all, and the others are.
func TestOneConflictHarmsOnlyItself(t *testing.T) {
	c := consultest.New()
	store := newTree(c, "shop/b", "1", "shop/c", "1", "shop/d", "1")
	changes := plan(t, store, service("shop/a", "NodePort", ""), service("shop/b", "NodePort", ""), service("shop/e", "NodePort", "")).Changes
	for _, name := range []string{"shop/a", "shop/b", "shop/c"} {
		c.SetKV(prefix+name, "of somebody else")
	}
	c.DeleteKV(prefix + "shop/d")
	outcomes, err := write(t, store, changes)
	if err != nil {
		t.Fatal(err)
	}
	const meanwhile = ": somebody else changed it meanwhile: run it once more"
	slices.Sort(outcomes)
	if diff := cmp.Diff([]string{
		"add shop/a" + meanwhile, "add shop/e", "remove shop/c" + meanwhile, "remove shop/d", "update shop/b" + meanwhile,
	}, outcomes); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, p := range read(t, store) {
		if theirs := string(p.Value) == "of somebody else"; theirs == strings.HasSuffix(p.Key, "/e") {
			t.Errorf("%s is %s", p.Key, p.Value)
		}
	}
}

// One write is one wake of every node: few of them, none too large for Consul.
func TestWritesAreFewAndNotTooLarge(t *testing.T) {
	many := func(n, bytes int) (services []string) {
		for i := range n {
			services = append(services, service(fmt.Sprintf("shop/s%03d", i), "NodePort", `, "labels": {"x": "`+strings.Repeat("x", bytes)+`"}`))
		}
		return services
	}
	for name, test := range map[string]struct {
		services []string
		want     int
	}{
		"none":       {nil, 0},
		"64":         {many(64, 0), 1},
		"65":         {many(65, 0), 2},
		"large":      {many(9, 100<<10), 5},
		"very large": {many(3, 250<<10), 3},
	} {
		t.Run(name, func(t *testing.T) {
			c := consultest.New()
			store := newTree(c)
			outcomes, err := write(t, store, plan(t, store, test.services...).Changes)
			if err != nil || len(outcomes) != len(test.services) {
				t.Errorf("%d outcomes, want %d; %v", len(outcomes), len(test.services), err)
			}
			if n := len(c.Writes()); n != test.want {
				t.Errorf("%d writes, want %d", n, test.want)
			}
			if n := len(read(t, store)); n != len(test.services) {
				t.Errorf("%d keys, want %d", n, len(test.services))
			}
		})
	}
}

func TestWriteIsRefused(t *testing.T) {
	c := consultest.New()
	newTree(c, "shop/a", "1", "shop/b", "1", "till/a", "1")
	c.DenyByDefault()
	c.Grant("half", consultest.Rules{Key: map[string]string{prefix: "list", prefix + "till/": "write"}})
	store := kvtree.NewStore(c.ClientWithToken("half"), prefix)
	outcomes, err := write(t, store, plan(t, store).Changes)
	if err != nil || len(outcomes) != 3 {
		t.Fatalf("outcomes %v, %v", outcomes, err)
	}
	for i, want := range []string{`lacks permission 'key:write' on "kubernetes/deployments/shop/a"`, `lacks permission 'key:write' on "kubernetes/deployments/shop/b"`, "remove till/a"} {
		if !strings.HasSuffix(outcomes[i], want) {
			t.Errorf("got %s, want %s", outcomes[i], want)
		}
	}
}

// What Consul did not answer is not known, and what was not sent is not tried.
func TestWriteStops(t *testing.T) {
	for name, fault := range map[string]consultest.Fault{
		"lost":          {Err: errors.New("connection reset")},
		"lost, but did": {Err: errors.New("connection reset"), After: true},
		"refused":       {Status: http.StatusTooManyRequests, Body: "slow down"},
		"nonsense":      {Status: http.StatusConflict, Body: "nonsense"},
		"no reason":     {Status: http.StatusConflict, Body: `{"Errors": [{"OpIndex": 64}]}`},
	} {
		t.Run(name, func(t *testing.T) {
			c := consultest.New()
			store := newTree(c)
			var services []string
			for i := range 130 {
				services = append(services, service(fmt.Sprintf("shop/s%03d", i), "NodePort", ""))
			}
			changes := plan(t, store, services...).Changes
			sent := 0
			c.Fault(func(r *http.Request) *consultest.Fault {
				if sent++; r.URL.Path == "/v1/txn" && sent == 2 {
					return &fault
				}
				return nil
			})
			outcomes, err := write(t, store, changes)
			if err == nil || !strings.HasPrefix(err.Error(), "write kubernetes/deployments/: ") {
				t.Errorf("got %v", err)
			}
			if len(outcomes) != 64 || len(c.Writes()) != 2 {
				t.Errorf("%d outcomes of %d writes, want 64 of 2", len(outcomes), len(c.Writes()))
			}
		})
	}
}

// A tree that may not be read is not an empty tree.
func TestReadKnowsOrFails(t *testing.T) {
	tests := map[string]struct {
		harm  func(*consultest.Consul)
		token string
		want  string // a part of the error
		known bool   // as an error of Consul's
	}{
		"no rights": {func(c *consultest.Consul) { c.Grant("t", consultest.Rules{}) }, "t", "Permission denied", true},
		"anonymous": {func(*consultest.Consul) {}, "", "Permission denied", true},
		"a part": {
			func(c *consultest.Consul) {
				c.Grant("t", consultest.Rules{Key: map[string]string{prefix: "list", prefix + "till/": "deny"}})
			}, "t", "ACLs hide a part of it", false,
		},
		"a proxy": {
			func(c *consultest.Consul) {
				c.AllowAll()
				c.Fault(func(*http.Request) *consultest.Fault { return &consultest.Fault{Status: http.StatusNotFound} })
			}, "", "it is not from Consul's KV store", false,
		},
		"down": {func(c *consultest.Consul) { c.Down() }, "", "connection refused", false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			c := consultest.New()
			newTree(c, "shop/a", "1", "till/b", "1")
			c.DenyByDefault()
			test.harm(c)
			client := c.Client()
			if test.token != "" {
				client = c.ClientWithToken(test.token)
			}
			_, err := kvtree.NewStore(client, prefix).Read(t.Context())
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("got %v, want %s", err, test.want)
			}
			_, status := errors.AsType[api.StatusError](err)
			if unknown := errors.Is(err, kvtree.ErrUnknown); status != test.known || unknown == (status || name == "down") {
				t.Errorf("status %t, unknown %t", status, unknown)
			}
		})
	}
}
