package register_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/k8s-registrar/k8s-registrar/kvschema"
	"github.com/k8s-registrar/k8s-registrar/register"
)

// TestConflictOfOnePort has Services that share one of several names. The others go on.
func TestConflictOfOnePort(t *testing.T) {
	for _, tt := range []struct {
		what     string
		services []kvschema.Service
		want     []string
		problems []string
	}{
		{"a port called like an older Service", []kvschema.Service{
			service("a/web-m", 30001, createdAt(1)),
			service("b/web", 30002, createdAt(2), withSecondPort("m")),
		}, []string{"a/web-m web-m:30001", "b/web web:30002"}, []string{"b/web"}},
		{"a Service called like an older one's port", []kvschema.Service{
			service("a/web-m", 30001, createdAt(2)),
			service("b/web", 30002, createdAt(1), withSecondPort("m")),
		}, []string{"b/web web-m:31002", "b/web web:30002"}, []string{"a/web-m"}},
		{"a name by annotation", []kvschema.Service{
			service("a/web", 30001, createdAt(1), withName("shop")),
			service("b/web", 30002, createdAt(2)),
			service("c/shop", 30003, createdAt(3)),
		}, []string{"a/web shop:30001", "b/web web:30002"}, []string{"c/shop"}},
		{"a key that lost its name holds the others", []kvschema.Service{
			service("a/web", 30001, createdAt(1)),
			service("b/web", 30002, createdAt(2), withSecondPort("m")),
			service("c/web-m", 30003, createdAt(3)),
		}, []string{"a/web web:30001", "b/web web-m:31002"}, []string{"b/web", "c/web-m"}},
	} {
		t.Run(tt.what, func(t *testing.T) {
			d, problems := mapping.Desired(treeOf(tt.services...), node1)
			var want, found []string
			for _, r := range d.Want {
				want = append(want, strings.TrimPrefix(r.Key(), "kubernetes/deployments/")+" "+fmt.Sprintf("%s:%d", r.Name, r.Port))
			}
			for _, p := range problems {
				found = append(found, p.Namespace+"/"+p.Name)
			}
			equal(t, tt.want, want, sorted)
			equal(t, tt.problems, found)
		})
	}
}

// TestGarbageKeepsItsNameByAnnotation: of a value that is not even JSON nobody knows that
// it was called otherwise. What is registered for it stays, beside the rightful holder.
func TestGarbageKeepsItsNameByAnnotation(t *testing.T) {
	old, young := service("a/web", 30001, createdAt(1), withName("shop")), service("b/shop", 30002, createdAt(2))
	for what, tree := range map[string]kvschema.Tree{
		"with its last good reading": {Services: []*kvschema.Service{&old, &young}, Problems: []kvschema.Problem{unreadable("a/web", 1)}},
		"without":                    {Services: []*kvschema.Service{&young}, Problems: []kvschema.Problem{unreadable("a/web", 1)}},
	} {
		d, _ := mapping.Desired(tree, node1)
		_, kept := d.Keep[old.Key]
		_, wanted := d.Want[idOf(young)]
		if len(d.Want) != 1 || !kept || !wanted {
			t.Errorf("%s: wants %v, keeps %v", what, d.Want, d.Keep)
		}
	}
}

// TestMappingDecomposes: the keys that are tied by claims, mapped alone, give exactly
// their part of the whole.
func TestMappingDecomposes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tree := drawTree(t)
		whole, problems := mapping.Desired(tree, node1)
		sum := register.Desired{Want: map[register.ID]register.Registration{}, Keep: map[string]struct{}{}}
		var found []string
		for _, part := range components(tree) {
			d, p := mapping.Desired(part, node1)
			maps.Copy(sum.Want, d.Want)
			for key := range d.Keep {
				sum.Keep[key] = struct{}{}
			}
			found = append(found, texts(p)...)
		}
		equal(t, whole, sum)
		equal(t, texts(problems), found, sorted)
	})
}

// components are the parts of a tree that share no claim.
func components(tree kvschema.Tree) []kvschema.Tree {
	claims := map[string][]kvschema.Claim{}
	for _, s := range tree.Services {
		claims[s.Key] = append(claims[s.Key], s.Claims()...)
	}
	for _, p := range tree.Problems {
		claims[p.Key] = append(claims[p.Key], p.Claims...)
	}
	var parts [][]string // keys
	for key := range claims {
		joined := []string{key}
		parts = slices.DeleteFunc(parts, func(part []string) bool {
			tied := slices.ContainsFunc(part, func(other string) bool {
				return slices.ContainsFunc(claims[other], func(c kvschema.Claim) bool { return slices.Contains(claims[key], c) })
			})
			if tied {
				joined = append(joined, part...)
			}
			return tied
		})
		parts = append(parts, joined)
	}
	trees := make([]kvschema.Tree, len(parts))
	for i, part := range parts {
		for _, s := range tree.Services {
			if slices.Contains(part, s.Key) {
				trees[i].Services = append(trees[i].Services, s)
			}
		}
		for _, p := range tree.Problems {
			if slices.Contains(part, p.Key) {
				trees[i].Problems = append(trees[i].Problems, p)
			}
		}
	}
	return trees
}

// TestTraefikTagsGoToOnePort: the same router on two services of Consul is deleted by
// Traefik. The other tags are everywhere.
func TestTraefikTagsGoToOnePort(t *testing.T) {
	for port, want := range [][]string{
		{"cart [a|traefik.enable=true|z]", "cart-m [a|z]"},
		{"cart [a|z]", "cart-m [a|traefik.enable=true|z]"},
	} {
		d := desired(t, service("shop/cart", 30001, withTags("a", "z"), withSecondPort("m"), withTraefik(port, "traefik.enable=true")))
		var got []string
		for _, r := range d.Want {
			got = append(got, r.Name+" ["+strings.Join(r.Tags, "|")+"]")
		}
		equal(t, want, got, sorted)
	}
}

// TestConflictOfKeysOfOneAge, as those of one transaction are: the first in order has the
// name, and nobody is said to be older.
func TestConflictOfKeysOfOneAge(t *testing.T) {
	tree := treeOf(service("a/web", 30001, createdAt(7)), service("b/web", 30002, createdAt(7)))
	d, problems := mapping.Desired(tree, node1)
	if len(d.Want) != 1 || len(problems) != 1 {
		t.Fatalf("wants %v; problems: %v", d.Want, problems)
	}
	equal(t, `read kubernetes/deployments/b/web: the name "web" belongs to kubernetes/deployments/a/web, which is as old and first in order: rename one of the two Services`, problems[0].Error())
}
