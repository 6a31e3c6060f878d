package register_test

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/k8s-registrar/k8s-registrar/kvschema"
	"github.com/k8s-registrar/k8s-registrar/register"
)

func TestOwnershipNeedsPrefixAndMeta(t *testing.T) {
	type meta = map[string]string
	us := meta{"managed-by": "k8s-registrar", "k8s-registrar-instance": "a", "external-source": "kubernetes"}
	for _, tt := range []struct {
		what         string
		id           string
		meta         meta
		claims, owns bool
	}{
		{"ours", "k8s-registrar-a.shop.cart.http", us, true, true},
		{"no meta", "k8s-registrar-a.shop.cart.http", nil, true, false},
		{"no prefix", "cart", us, false, false},
		{"prefix inside", "x-k8s-registrar-a.shop.cart.http", us, false, false},
		{"other case", "K8s-registrar-a.shop.cart.http", us, false, false},
		{"no manager", "k8s-registrar-a.shop.cart.http", meta{"k8s-registrar-instance": "a"}, true, false},
		{"other manager", "k8s-registrar-a.shop.cart.http", meta{"managed-by": "nomad", "k8s-registrar-instance": "a"}, true, false},
		{"no instance", "k8s-registrar-a.shop.cart.http", meta{"managed-by": "k8s-registrar"}, true, false},
		{"other instance's meta", "k8s-registrar-a.shop.cart.http", meta{"managed-by": "k8s-registrar", "k8s-registrar-instance": "ab"}, true, false},
		{"instance ab", "k8s-registrar-ab.shop.cart.http", us, false, false},
		{"instance a-b", "k8s-registrar-a-b.shop.cart.http", us, false, false},
		{"no instance in the ID", "k8s-registrar-.shop.cart.http", us, false, false},
		{"no dot", "k8s-registrar-a", us, false, false},
	} {
		owner := register.Owner{Instance: "a"}
		if got := owner.Claims(tt.id); got != tt.claims {
			t.Errorf("%s: claims = %v", tt.what, got)
		}
		if got := owner.Owns(tt.id, tt.meta); got != tt.owns {
			t.Errorf("%s: owns = %v", tt.what, got)
		}
	}
}

var label = rapid.StringMatching(`[a-z0-9]([-a-z0-9]{0,8}[a-z0-9])?`)

func TestInstancesDoNotClaimEachOthers(t *testing.T) {
	instance := rapid.OneOf(rapid.SampledFrom([]string{"a", "ab", "a-b", "a-b-c", "b"}), rapid.StringMatching(`[-A-Za-z0-9]{1,8}`))
	rapid.Check(t, func(t *rapid.T) {
		one, other := register.Owner{Instance: instance.Draw(t, "one")}, register.Owner{Instance: instance.Draw(t, "other")}
		id := one.ID(drawIdentity(t))
		if got, want := other.Claims(string(id)), one == other; got != want {
			t.Errorf("%s claims %s of %s: %v", other.Instance, id, one.Instance, got)
		}
	})
}

// TestNoTwoServicesOneID draws from few letters, so that namespaces, names and ports
// are often made of each other's parts. A port without a name has its number.
func TestNoTwoServicesOneID(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ref, port := drawIdentity(t)
		ref2, port2 := drawIdentity(t)
		same := ref.Namespace == ref2.Namespace && ref.Name == ref2.Name && port.Label() == port2.Label()
		if one, other := owner.ID(ref, port), owner.ID(ref2, port2); one == other != same {
			t.Errorf("%+v %+v is %s, %+v %+v is %s", ref, port, one, ref2, port2, other)
		}
	})
}

func drawIdentity(t *rapid.T) (kvschema.Ref, kvschema.Port) {
	part := rapid.OneOf(rapid.SampledFrom([]string{"a", "a-b", "b", "a-b-a", "b-a", "80", "a-80"}), label)
	return kvschema.Ref{Namespace: part.Draw(t, "namespace"), Name: part.Draw(t, "name")},
		kvschema.Port{
			Name: rapid.OneOf(rapid.Just(""), part).Draw(t, "port name"),
			Port: rapid.SampledFrom([]uint16{0, 80, 8080}).Draw(t, "port"),
		}
}
