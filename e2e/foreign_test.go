package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/consul/api"

	"github.com/k8s-registrar/k8s-registrar/e2e/consulproc"
)

// Services of others on the same agent stay as they are, however similar they look.
func TestForeignServicesAreNotTouched(t *testing.T) {
	t.Parallel()
	r := onOwnNode(t, "mine", consulproc.Node{Config: map[string]any{
		"services": []map[string]any{{"id": "cart", "name": "cart", "port": 1, "tags": []string{"old"}}},
	}})
	ours := map[string]string{"managed-by": "k8s-registrar", "k8s-registrar-instance": r.instance}
	other := strings.TrimSuffix(r.instance, r.instance[len(r.instance)-1:]) // ours begins alike
	theirs := map[string]string{"managed-by": "k8s-registrar", "k8s-registrar-instance": other}
	for _, s := range []*api.AgentServiceRegistration{
		{ID: r.id("s001"), Name: "our-id", Port: 2},
		{ID: "similar", Name: "our-meta", Port: 3, Meta: ours},
		{ID: "k8s-registrar-" + other + ".shop.s000.http", Name: "other-instance", Port: 4, Meta: theirs},
		{ID: "k8s-registrar-" + r.instance, Name: "our-name", Port: 5, Meta: ours},
	} {
		must(t, r.local.Agent().ServiceRegister(s))
	}
	var before map[string]*api.AgentService
	eventually(t, func() error {
		before = foreign(r)
		if len(before) != 5 {
			return fmt.Errorf("%d foreign services, want 5: %v", len(before), before)
		}
		return nil
	})

	r.fill(3)
	r.put("cart", 30400, "new")
	r.start(often, "--guard-allow-removals")
	wantAll(r, "s000:30000", "s002:30002", "cart:30400")
	eventually(t, func() error {
		return r.says("one with a taken ID", func(s status) bool { return len(s.Problems) == 1 && s.Problems[0].ID == r.id("s001") })
	})
	r.remove("s000", "s001", "s002", "cart")
	wantAll(r)
	r.settled()
	if diff := cmp.Diff(before, foreign(r)); diff != "" {
		t.Errorf("foreign services (-before +after):\n%s", diff)
	}
	r.ready()
}

// wantAll waits until the catalog has just these services besides the foreign ones.
func wantAll(r *rig, want ...string) {
	r.Helper()
	r.announces(append(want, "our-meta:3", "our-name:5")...) // they carry our meta
}

// foreign returns the catalog's services that the daemon has not made.
func foreign(r *rig) map[string]*api.AgentService {
	r.Helper()
	services, err := inCatalog(r.server, r.node.Name(), r.query())
	must(r, err)
	for id, s := range services {
		if s.Meta["k8s-registrar-key"] != "" {
			delete(services, id)
		}
	}
	return services
}
