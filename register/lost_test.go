package register_test

import (
	"testing"

	"github.com/k8s-registrar/k8s-registrar/register"
)

// TestLost: a key that is gone at an index below its own creation was not deleted.
func TestLost(t *testing.T) {
	cart, web := service("shop/cart", 30080, createdAt(40)), service("shop/web", 30081, createdAt(60))
	both := actual(shown(registration(t, cart)), shown(registration(t, web)))
	for _, tt := range []struct {
		what    string
		desired register.Desired
		index   uint64
		want    []string
	}{
		{"deleted", desired(t), 61, nil},
		{"deleted at the very index", desired(t), 60, nil},
		{"the servers went back behind one", desired(t), 50, []string{web.Key}},
		{"the servers went back behind both", desired(t), 1, []string{cart.Key, web.Key}},
		{"still asked for", desired(t, cart, web), 1, nil},
		{"kept already", register.Desired{Keep: map[string]struct{}{web.Key: {}}}, 50, nil},
	} {
		t.Run(tt.what, func(t *testing.T) {
			equal(t, tt.want, register.Lost(tt.desired, both, tt.index))
		})
	}
}
