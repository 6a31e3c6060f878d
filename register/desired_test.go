package register_test

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/consul/api"
	"pgregory.net/rapid"

	"github.com/k8s-registrar/k8s-registrar/kvschema"
	"github.com/k8s-registrar/k8s-registrar/register"
)

func TestRegistration(t *testing.T) {
	got := registration(t, service("shop/cart", 30080, withTags("a", "traefik.enable=true")))
	fingerprint := got.Meta.Of(register.MetaFingerprint) // see TestFingerprint
	equal(t, register.Registration{
		ID:   "k8s-registrar-default.shop.cart.http",
		Name: "cart",
		Port: 30080,
		Tags: []string{"a", "traefik.enable=true"},
		Meta: register.NewMeta(map[string]string{
			"managed-by":                "k8s-registrar",
			"k8s-registrar-instance":    "default",
			"k8s-registrar-key":         "kubernetes/deployments/shop/cart",
			"k8s-registrar-created":     "1",
			"k8s-registrar-fingerprint": fingerprint,
			"external-source":           "kubernetes",
			"external-k8s-ns":           "shop",
			"external-k8s-ref-kind":     "Service",
			"external-k8s-ref-name":     "cart",
		}),
		Check: got.Check,
	}, got)
	equal(t, &api.AgentServiceCheck{
		CheckID:                "k8s-registrar-default.shop.cart.http.tcp",
		Name:                   "NodePort",
		Notes:                  "TCP connect to 10.0.0.1:30080 every 10s, timeout 2s",
		TCP:                    "10.0.0.1:30080",
		Interval:               "10s",
		Timeout:                "2s",
		Status:                 "passing",
		FailuresBeforeCritical: 2,
	}, got.Check.Request())
}

func TestMapping(t *testing.T) {
	ipv6 := register.Node{Name: "node-6", Address: netip.MustParseAddr("fd00::7")}
	nowhere := register.Node{Name: "node-1"}
	for _, tt := range []struct {
		what    string
		service kvschema.Service
		node    register.Node
		want    string
	}{
		{"named port", service("shop/cart", 30080), node1, "shop.cart.http cart:30080 [] tcp 10.0.0.1:30080"},
		{"unnamed port", service("shop/cart", 30080, withPort("", 8080)), node1, "shop.cart.8080 cart:30080 [] tcp 10.0.0.1:30080"},
		{"port of no number", service("shop/cart", 30080, withPort("", 0)), node1, "shop.cart.0 cart:30080 [] tcp 10.0.0.1:30080"},
		{"highest port", service("shop/cart", 65535), node1, "shop.cart.http cart:65535 [] tcp 10.0.0.1:65535"},
		{"tags", service("shop/cart", 30080, withTags("b c", "d")), node1, "shop.cart.http cart:30080 [b c|d] tcp 10.0.0.1:30080"},
		{"UDP", service("shop/cart", 30080, withProtocol("UDP")), node1, "shop.cart.http cart:30080 [] no check"},
		{"SCTP", service("shop/cart", 30080, withProtocol("SCTP")), node1, "shop.cart.http cart:30080 [] no check"},
		{"IPv6", service("shop/cart", 30080), ipv6, "shop.cart.http cart:30080 [] tcp [fd00::7]:30080"},
		{"UDP on a node of no address", service("shop/cart", 30080, withProtocol("UDP")), nowhere, "shop.cart.http cart:30080 [] no check"},
	} {
		t.Run(tt.what, func(t *testing.T) {
			d, problems := mapping.Desired(treeOf(tt.service), tt.node)
			equal(t, 0, len(problems)+len(d.Keep))
			var got []string
			for id, r := range d.Want {
				equal(t, id, r.ID)
				check := "no check"
				if r.Check != nil {
					check = "tcp " + r.Check.Request().TCP
					equal(t, string(id)+".tcp", r.Check.ID())
				}
				got = append(got, fmt.Sprintf("%s %s:%d [%s] %s", strings.TrimPrefix(string(id), prefix), r.Name, r.Port, strings.Join(r.Tags, "|"), check))
			}
			equal(t, []string{tt.want}, got)
		})
	}
}

// TestUnmappableServiceIsKept has services that cannot be registered now. They are
// problems, never removals.
func TestUnmappableServiceIsKept(t *testing.T) {
	longKey := func(size int) func(*kvschema.Service) {
		return func(s *kvschema.Service) { s.Key = strings.Repeat("k", size-len("/shop/cart")) + "/shop/cart" }
	}
	for _, tt := range []struct {
		what    string
		service kvschema.Service
		node    register.Node
		want    string // of the problem, "" for none
	}{
		{"longest key", service("shop/cart", 30080, longKey(512)), node1, ""},
		{"key too long", service("shop/cart", 30080, longKey(513)), node1, "meta k8s-registrar-key would have 513 bytes: Consul takes 512, so use a shorter key"},
		{"node without an address", service("shop/cart", 30080), register.Node{Name: "node-1"}, "the node's address is not known: no check can be made"},
	} {
		t.Run(tt.what, func(t *testing.T) {
			other := service("shop/other", 30081, withProtocol("UDP"))
			d, problems := mapping.Desired(treeOf(tt.service, other), tt.node)
			var got string
			for _, p := range problems {
				equal(t, tt.service.Ref, p.Ref)
				got += p.Err.Error()
			}
			equal(t, tt.want, got)
			_, wanted := d.Want[idOf(tt.service)]
			_, kept := d.Keep[tt.service.Key]
			equal(t, []bool{tt.want == "", tt.want != ""}, []bool{wanted, kept})
			if _, ok := d.Want[idOf(other)]; !ok {
				t.Error("it harms another service")
			}
		})
	}
}

// TestConflict has keys that claim one name. The oldest key has it, on every node
// alike, whatever of the keys can be read there.
func TestConflict(t *testing.T) {
	old, young := service("x/web", 30001, createdAt(5)), service("a/web", 30002, createdAt(6))
	ties := []kvschema.Service{service("a/web", 30001, createdAt(5)), service("b/web", 30002, createdAt(5))}
	badOld, badYoung := unreadable("x/web", 5), unreadable("a/web", 6)
	type services = []kvschema.Service
	type problems = []kvschema.Problem
	for _, tt := range []struct {
		what     string
		services services
		problems problems
		want     []string // namespaces announced
		keep     []string // namespaces kept
		problem  []string // namespaces with a problem
	}{
		{"older wins", services{old, young}, nil, []string{"x"}, nil, []string{"a"}},
		{"older wins in the other order", services{young, old}, nil, []string{"x"}, nil, []string{"a"}},
		{"smaller key wins a tie", ties, nil, []string{"a"}, nil, []string{"b"}},
		{"smaller key wins a tie in the other order", services{ties[1], ties[0]}, nil, []string{"a"}, nil, []string{"b"}},
		{"three", services{young, service("m/web", 30003, createdAt(7)), old}, nil, []string{"x"}, nil, []string{"a", "m"}},
		{"other names", services{old, young, service("a/api", 30003, createdAt(9))}, nil, []string{"a", "x"}, nil, []string{"a"}},
		{"one name is the beginning of the other", services{old, service("a/web-2", 30002)}, nil, []string{"a", "x"}, nil, nil},
		{"unreadable holder still holds", services{young}, problems{badOld}, nil, []string{"a", "x"}, []string{"a", "x"}},
		{"last good reading of the holder", services{old, young}, problems{badOld}, []string{"x"}, []string{"a"}, []string{"a", "x"}},
		{"unreadable loser", services{old}, problems{badYoung}, []string{"x"}, nil, []string{"a"}},
		{"last good reading of the loser", services{old, young}, problems{badYoung}, []string{"x"}, nil, []string{"a", "a"}},
		{"both unreadable", nil, problems{badYoung, badOld}, nil, []string{"a", "x"}, []string{"a", "x"}},
	} {
		t.Run(tt.what, func(t *testing.T) {
			d, found := mapping.Desired(kvschema.Tree{Services: treeOf(tt.services...).Services, Problems: tt.problems}, node1)
			var want, keep, problem []string
			for _, r := range d.Want {
				want = append(want, r.Meta.Of("external-k8s-ns"))
			}
			for key := range d.Keep {
				keep = append(keep, strings.Split(key, "/")[2])
			}
			for _, p := range found {
				problem = append(problem, p.Namespace)
			}
			equal(t, tt.want, want, sorted)
			equal(t, tt.keep, keep, sorted)
			equal(t, tt.problem, problem, sorted)
		})
	}
}

func TestConflictNamesTheHolder(t *testing.T) {
	_, problems := mapping.Desired(treeOf(
		service("x/web", 30001, createdAt(5)), service("a/web", 30002, createdAt(6)),
	), node1)
	var got []string
	for _, p := range problems {
		got = append(got, p.Error())
	}
	equal(t, []string{`read kubernetes/deployments/a/web: the name "web" belongs to kubernetes/deployments/x/web, which is older: rename one of the two Services`}, got)
}

// TestConflictOfDecodedKeys goes the whole way from the tree, in time: a key that is
// no NodePort Service holds no name, one that turns bad keeps the name it has.
func TestConflictOfDecodedKeys(t *testing.T) {
	const web = `{"kind":"Service","metadata":{"name":"web"},"spec":{"type":"%s","ports":[{"name":"http","nodePort":%d}]}}`
	pair := func(namespace, value string, index uint64) kvschema.Pair {
		return kvschema.Pair{Key: "kubernetes/deployments/" + namespace + "/web", Value: []byte(value), CreateIndex: index}
	}
	reader := kvschema.NewReader(kvschema.Prefix("kubernetes"), kvschema.Rules{})
	readings := make([]*kvschema.Reading, 2)
	young := pair("a", fmt.Sprintf(web, "NodePort", 30002), 6)
	for _, tt := range []struct {
		what  string
		older string
		want  []string
	}{
		{"holder of another type", fmt.Sprintf(web, "ClusterIP", 0), []string{"a.web.http:30002"}},
		{"holder is a NodePort Service", fmt.Sprintf(web, "NodePort", 30001), []string{"x.web.http:30001"}},
		{"holder turns bad", "{", []string{"x.web.http:30001"}},
		{"holder is of another type again", fmt.Sprintf(web, "LoadBalancer", 0), []string{"a.web.http:30002"}},
	} {
		for i, pair := range []kvschema.Pair{young, pair("x", tt.older, 5)} {
			readings[i], _ = reader.Read(pair, readings[i])
		}
		d, _ := mapping.Desired(kvschema.Compose(readings), node1)
		var got []string
		for id, r := range d.Want {
			got = append(got, fmt.Sprintf("%s:%d", strings.TrimPrefix(string(id), prefix), r.Port))
		}
		equal(t, tt.want, got)
	}
}

// TestOrderOfTreeChangesNothing and its sisters are the invariant that the same tree
// is the same decision everywhere.
func TestOrderOfTreeChangesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tree := drawTree(t)
		d, problems := mapping.Desired(tree, node1)
		d2, problems2 := mapping.Desired(kvschema.Tree{
			Services: rapid.Permutation(tree.Services).Draw(t, "order of services"),
			Problems: rapid.Permutation(tree.Problems).Draw(t, "order of problems"),
		}, node1)
		equal(t, d, d2)
		equal(t, texts(problems), texts(problems2), sorted)
	})
}

func TestNodesAnnounceTheSame(t *testing.T) {
	others := []register.Node{
		{Name: "node-2", Address: netip.MustParseAddr("10.0.0.2")},
		{Name: "node-6", Address: netip.MustParseAddr("fd00::6")},
	}
	rapid.Check(t, func(t *rapid.T) {
		tree := drawTree(t)
		d, problems := mapping.Desired(tree, node1)
		for _, node := range others {
			d2, problems2 := mapping.Desired(tree, node)
			equal(t, outside(d), outside(d2))
			equal(t, d.Keep, d2.Keep)
			equal(t, texts(problems), texts(problems2))
		}
	})
}

// TestForgottenReadingDecidesAlike compares a node that has read a key before it
// turned bad with one that has not. They announce the same once the key's last good
// registration is there: the one wants it, the other keeps it.
func TestForgottenReadingDecidesAlike(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tree := drawTree(t)
		bad := map[string]bool{}
		for _, p := range tree.Problems {
			bad[p.Key] = true
		}
		forgotten := kvschema.Tree{Problems: tree.Problems}
		var ours []register.Registered
		for _, s := range tree.Services {
			for _, r := range desired(t, *s).Want {
				ours = append(ours, shown(r))
			}
			if !bad[s.Key] {
				forgotten.Services = append(forgotten.Services, s)
			}
		}
		var holds [2][]register.ID
		for i, tree := range []kvschema.Tree{tree, forgotten} {
			d, _ := mapping.Desired(tree, node1)
			after := actual(ours...).After(tried(register.Diff(d, actual(ours...)), nil))
			holds[i] = slices.Sorted(maps.Keys(after.Ours))
		}
		equal(t, holds[0], holds[1])
	})
}

// TestEveryKeyIsAccountedFor: a key is announced, kept or has a problem.
func TestEveryKeyIsAccountedFor(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tree := drawTree(t)
		node := node1
		if rapid.Bool().Draw(t, "no address") {
			node.Address = netip.Addr{}
		}
		d, problems := mapping.Desired(tree, node)
		known, troubled := map[string]bool{}, map[string]bool{}
		names := map[string]int{}
		for _, r := range d.Want {
			known[r.Key()] = true
			names[r.Name]++
		}
		for _, p := range problems {
			known[p.Key] = true
			troubled[p.Key] = true
		}
		for _, r := range d.Want {
			if _, kept := d.Keep[r.Key()]; kept && !troubled[r.Key()] {
				t.Errorf("%s is wanted and kept though nothing is wrong with it", r.Key())
			}
		}
		for _, s := range tree.Services {
			if !known[s.Key] {
				t.Errorf("%s is lost", s.Key)
			}
		}
		for name, n := range names {
			if n > 1 {
				t.Errorf("%d services are called %s", n, name)
			}
		}
		for key := range d.Keep {
			if !known[key] {
				t.Errorf("%s is kept in silence", key)
			}
		}
	})
}

// outside is what readers of the catalog see of the services.
func outside(d register.Desired) map[register.ID]register.Registration {
	seen := map[register.ID]register.Registration{}
	for id, r := range d.Want {
		seen[id] = bare(r)
	}
	return seen
}

// bare is a registration without what depends on the node or on the way it was sent.
func bare(r register.Registration) register.Registration {
	r.Meta, r.Check = r.Meta.Without(register.MetaFingerprint).Without(register.MetaNonce), nil
	return r
}

func texts(problems []kvschema.Problem) []string {
	var all []string
	for _, p := range problems {
		all = append(all, p.Error())
	}
	return all
}
