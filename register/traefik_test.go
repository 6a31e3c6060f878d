package register_test

import (
	"strings"
	"testing"

	"github.com/k8s-registrar/k8s-registrar/kvschema"
)

func defines(kind, name, as string) func(*kvschema.Service) {
	return func(s *kvschema.Service) {
		s.Defines = append(s.Defines, kvschema.Claim{Kind: kind, Name: name, As: as})
	}
}

// Two services that define one router otherwise would make Traefik drop it for both: the
// older one has it, and the younger stays as it was. What is defined alike is shared.
func TestOneRouterDefinedInTwoWays(t *testing.T) {
	older := service("a/cart", 30001, createdAt(1), defines("http router", "x", "1"), defines("http middleware", "auth", "2"))
	alike := service("b/shop", 30002, createdAt(2), defines("http middleware", "auth", "2"))
	otherwise := service("c/till", 30003, createdAt(3), defines("http router", "x", "3"))
	d, problems := mapping.Desired(treeOf(older, alike, otherwise), node1)
	if len(d.Want) != 2 || d.Want[idOf(older)].Name == "" || d.Want[idOf(alike)].Name == "" {
		t.Errorf("wants %v", d.Want)
	}
	if _, kept := d.Keep[otherwise.Key]; !kept || len(problems) != 1 || !strings.Contains(problems[0].Error(), `the http router "x" is defined otherwise by `+older.Key) {
		t.Errorf("keeps %v; problems: %v", d.Keep, problems)
	}
}

// Traefik's names are claimed for the port that has its tags, and for no other.
func TestOtherPortsDoNotWaitForARouter(t *testing.T) {
	older := service("a/cart", 30001, createdAt(1), defines("http router", "x", "1"))
	younger := service("b/shop", 30002, createdAt(2), withSecondPort("m"), defines("http router", "x", "2"))
	d, problems := mapping.Desired(treeOf(older, younger), node1)
	if len(problems) != 1 || len(d.Want) != 2 {
		t.Errorf("wants %v; problems: %v", d.Want, problems)
	}
}

// TestChangedPortShowsInTheCheckToo: a Traefik that watches sees changes of names, tags and
// checks, and none of a port alone. It is one service and one check before and after.
func TestChangedPortShowsInTheCheckToo(t *testing.T) {
	bubble(t, func(r *rig) {
		r.converge(service("shop/cart", 30080))
		before := r.consul.CatalogChecks()
		r.converge(service("shop/cart", 30081))
		after := r.consul.CatalogChecks()
		if len(before) != 1 || len(after) != 1 {
			t.Fatalf("checks: %v, then %v", before, after)
		}
		for id, check := range after {
			if was, same := before[id]; !same || was.Notes == check.Notes {
				t.Errorf("%s says %q, and before that %q", id, check.Notes, was.Notes)
			}
		}
	})
}
