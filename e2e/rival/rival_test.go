package rival

import (
	"slices"
	"testing"

	"github.com/hashicorp/consul/api"

	"github.com/k8s-registrar/k8s-registrar/e2e/measure"
)

// TestCarried: what is registered for a value is what is registered without one.
func TestCarried(t *testing.T) {
	s := measure.Service{Namespace: "n", Name: "shop", Port: 30001, Version: 7}
	r, err := carried(&api.KVPair{Key: s.Key("tree"), Value: s.Value()}, "127.0.0.1:30001")
	if err != nil {
		t.Fatal(err)
	}
	if r.ID != "k8s-registrar-floor.n.shop.http" || r.Name != "shop" || r.Port != 30001 || r.Checks[0].TCP != "127.0.0.1:30001" {
		t.Errorf("it is %+v", r)
	}
	if !slices.Equal(r.Tags, s.Tags()) {
		t.Errorf("the tags are %q, want %q", r.Tags, s.Tags())
	}
	if _, err := carried(&api.KVPair{Key: "k", Value: []byte("not json")}, ""); err == nil {
		t.Error("a value that is not JSON is no error")
	}
}
