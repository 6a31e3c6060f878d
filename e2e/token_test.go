package e2e

import (
	"os"
	"strings"
	"testing"

	"github.com/hashicorp/consul/api"

	"github.com/k8s-registrar/k8s-registrar/e2e/consulproc"
)

// anonymous is the accessor of the token that Consul takes for who sends none.
const anonymous = "00000000-0000-0000-0000-000000000002"

// denyByDefault turns ACLs on. Agents remember tokens and policies for a second, so
// that tests need not wait half a minute.
func denyByDefault() consulproc.Options {
	return consulproc.Options{Clients: 1, DefaultPolicy: "deny", Config: map[string]any{
		"acl": map[string]any{"token_ttl": "1s", "policy_ttl": "1s", "role_ttl": "1s"},
	}}
}

// onSharedACLs returns a rig on the node of the shared cluster with ACLs.
func onSharedACLs(t testing.TB, name string) *rig {
	t.Helper()
	cluster := shared.denying.get(t)
	return newRig(t, cluster, cluster.Clients()[0], name)
}

// leastPrivilege returns the policy that is shipped, for this rig's tree.
func (r *rig) leastPrivilege() string {
	r.Helper()
	text, err := os.ReadFile("../packaging/acl/k8s-registrar.hcl")
	must(r, err)
	const keyPath = `key_prefix "kubernetes/`
	if !strings.Contains(string(text), keyPath) {
		r.Fatalf("the policy has no rule %s", keyPath)
	}
	return strings.ReplaceAll(string(text), keyPath, `key_prefix "`+r.keyPath+`/`)
}

// withoutKeys returns the same policy with no right to read the tree.
func (r *rig) withoutKeys() string {
	return strings.ReplaceAll(r.leastPrivilege(), `key_prefix "`+r.keyPath+`/`, `key_prefix "elsewhere/`)
}

// policy creates a policy and returns its ID.
func (r *rig) policy(rules string) string {
	r.Helper()
	policy, _, err := r.server.ACL().PolicyCreate(&api.ACLPolicy{Name: "of-" + r.instance, Rules: rules}, r.write())
	must(r, err)
	return policy.ID
}

// change changes the rules of a policy.
func (r *rig) change(policy, rules string) {
	r.Helper()
	_, _, err := r.server.ACL().PolicyUpdate(&api.ACLPolicy{ID: policy, Name: "of-" + r.instance, Rules: rules}, r.write())
	must(r, err)
}

// token creates a token with a policy. With a secret given, it is that one again.
func (r *rig) token(policy, secret string) *api.ACLToken {
	r.Helper()
	token, _, err := r.server.ACL().TokenCreate(&api.ACLToken{SecretID: secret, Policies: []*api.ACLLink{{ID: policy}}}, r.write())
	must(r, err)
	return token
}

// deleteToken takes a token away.
func (r *rig) deleteToken(token *api.ACLToken) {
	r.Helper()
	_, err := r.server.ACL().TokenDelete(token.AccessorID, r.write())
	must(r, err)
}

// touch writes a service of the tree as it is already, but for its flags: watches wake
// and nothing is different.
func (r *rig) touch(service string) {
	r.Helper()
	pair, _, err := r.server.KV().Get(r.key(service), r.query())
	must(r, err)
	pair.Flags++
	_, err = r.server.KV().Put(pair, r.write())
	must(r, err)
}
