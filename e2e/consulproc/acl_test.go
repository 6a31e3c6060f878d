package consulproc

import (
	"strings"
	"testing"

	"github.com/hashicorp/consul/api"
)

func TestToken(t *testing.T) {
	t.Parallel()
	cluster := start(t, Options{DefaultPolicy: "deny", Clients: 1})
	agent := cluster.Clients()[0]
	token, err := cluster.Token(t.Context(), `service_prefix "web" { policy = "write" }`)
	must(t, err)

	register(t, agent, token, "web-1")
	must(t, inCatalog(cluster.Servers()[0], cluster.ManagementToken(), "web-1", "client-1"))
	for _, forbidden := range []struct{ token, name string }{{token, "mail"}, {"", "web-2"}} {
		err := client(t, agent, forbidden.token).Agent().ServiceRegister(&api.AgentServiceRegistration{Name: forbidden.name})
		if err == nil || !strings.Contains(err.Error(), "403") {
			t.Errorf("register %s with token %q: got %v, want 403", forbidden.name, forbidden.token, err)
		}
	}
}

func TestTokenNeedsACLs(t *testing.T) {
	t.Parallel()
	if _, err := (&Cluster{}).Token(t.Context(), ""); err == nil {
		t.Error("got a token without ACLs")
	}
}

func TestDefaultAllow(t *testing.T) {
	t.Parallel()
	const management = "11111111-2222-4333-8444-555555555555"
	cluster := start(t, Options{DefaultPolicy: "allow", ManagementToken: management})
	server := cluster.Servers()[0]
	register(t, server, "", "web")
	must(t, inCatalog(server, "", "web", "server-1"))
	token, _, err := client(t, server, management).ACL().TokenReadSelf(nil)
	must(t, err)
	if token.SecretID != cluster.ManagementToken() {
		t.Errorf("management token is %s, want %s", token.SecretID, cluster.ManagementToken())
	}
}
