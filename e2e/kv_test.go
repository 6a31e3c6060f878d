package e2e

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/hashicorp/consul/api"
)

// A site without k8s-deployer fills the tree from kubectl, with a token of its own that
// has the documented rights and no more, and the nodes announce it.
func TestTreeIsFilledFromKubernetes(t *testing.T) {
	t.Parallel()
	r := onSharedACLs(t, "filled")
	r.start("--consul-token=" + r.token(r.policy(r.leastPrivilege()), "").SecretID)
	token, err := r.cluster.Token(t.Context(), r.importPolicy())
	must(t, err)

	kubernetes := strings.Replace(service("default", "kubernetes", 30443, ""), "NodePort", "ClusterIP", 1)
	all := []string{kubernetes, service("shop", "a", 30080, "red"), service("shop", "b", 30081, ""), service("till", "c", 30082, "")}
	r.kv(token, 0, "kv import --prune", r.kubectl(all...))
	r.announces("a:30080", "b:30081", "c:30082")
	const want = "{\n    \"kind\": \"Service\",\n    \"apiVersion\": \"v1\",\n    \"metadata\": {\n        \"name\": \"a\",\n"
	if pair := r.pair("a"); !strings.HasPrefix(string(pair.Value), want) || pair.Flags != 0 {
		t.Errorf("got %s", pair.Value)
	}

	// What is there already wakes nobody.
	before := r.index()
	r.kv(token, 0, "kv import --prune", r.kubectl(all...))
	exported := filepath.Join(r.dir, "exported.json")
	must(t, os.WriteFile(exported, []byte(r.kv(token, 0, "kv export")), 0o600))
	r.kv(token, 0, "kv import", exported)
	if after := r.index(); after != before {
		t.Errorf("the tree went from index %d to %d", before, after)
	}

	all = []string{kubernetes, service("shop", "a", 31080, "red"), service("shop", "d", 30083, "")}
	r.kv(token, 0, "kv import --prune", r.kubectl(all...))
	r.announces("a:31080", "d:30083")
	if table := r.kv(token, 0, "kv ls"); !strings.Contains(table, "80:31080/TCP") || strings.Contains(table, "till") {
		t.Errorf("got %s", table)
	}
	r.kv(token, 0, "kv rm --yes", "shop/a")
	r.announces("d:30083")

	r.kv("", 1, "kv import", r.kubectl(all...)) // no token, no rights
	must(t, r.holds("d:30083"))
}

// importPolicy returns the documented policy, for this rig's tree.
func (r *rig) importPolicy() string {
	r.Helper()
	text, err := os.ReadFile("../docs/kv.md")
	must(r, err)
	block := regexp.MustCompile("(?s)```\n(key_prefix .*?)```").FindSubmatch(text)
	if block == nil {
		r.Fatal("docs/kv.md has no policy")
	}
	return strings.ReplaceAll(string(block[1]), `"kubernetes/`, `"`+r.keyPath+`/`)
}

// kubectl writes a List of Services to a file and returns its path.
func (r *rig) kubectl(services ...string) string {
	r.Helper()
	path := filepath.Join(r.dir, "services.json")
	text := `{"apiVersion": "v1", "kind": "List", "items": [` + strings.Join(services, ",") + `]}`
	must(r, os.WriteFile(path, []byte(text), 0o600))
	return path
}

// kv runs a command on the tree, and returns what it prints.
func (r *rig) kv(token string, want int, command string, args ...string) string {
	r.Helper()
	words := strings.Fields(command)
	flags := append([]string{"--consul-token=" + token}, words[2:]...)
	stdout, stderr, code := r.once(strings.Join(words[:2], " "), append(flags, args...)...)
	if code != want {
		r.Fatalf("%s ended with %d, want %d\n%s%s", command, code, want, stdout, stderr)
	}
	return stdout
}

// pair returns a key of the namespace shop.
func (r *rig) pair(name string) *api.KVPair {
	r.Helper()
	pair, _, err := r.server.KV().Get(r.key(name), r.query())
	must(r, err)
	if pair == nil {
		r.Fatalf("there is no key %s", r.key(name))
	}
	return pair
}

// index returns the index of the tree.
func (r *rig) index() uint64 {
	r.Helper()
	_, meta, err := r.server.KV().List(r.keyPath+"/deployments/", r.query())
	must(r, err)
	return meta.LastIndex
}
