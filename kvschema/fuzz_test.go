package kvschema_test

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/k8s-registrar/k8s-registrar/kvschema"
)

// FuzzDecode reads a tree of a good value and two of anything: one below a key
// that fits it, so that the value counts, one below any key.
func FuzzDecode(f *testing.F) {
	for _, value := range []string{
		"", "null", "[]", "{", "not json", "\xff", good, red, other, bad,
		withAnnotations(`{"tags": " a\u00a0,,b\u001c", "traefik.a": "x,y", "tags.x": null}`),
		withAnnotations(`{"traefik.\u001b": "\n", "tags": 1}`),
		withAnnotations(`{"k8s-registrar/ports": "all", "k8s-registrar/tags": "a\nb", "k8s-registrar/meta.x": "y", "k8s-registrar/nodes": "a,!b"}`),
		withPort(`{"name": "http", "protocol": "UDP", "port": 70000, "nodePort": -1}`),
		withSpec(`{"type": "NodePort", "ports": {}}`),
		strings.Repeat(`{"spec":`, 100),
	} {
		f.Add([]byte(value), cartKey+"s", []byte(value))
		f.Add([]byte(value), "kubernetes/deployments/shop/", []byte(nil))
	}
	archives := goldens(f)
	for _, path := range slices.Sorted(maps.Keys(archives)) {
		for _, file := range archives[path].Files {
			f.Add(file.Data, file.Name, file.Data)
		}
	}
	f.Fuzz(func(t *testing.T, value []byte, key string, another []byte) {
		const neighbour = "kubernetes/deployments/shop/neighbour"
		if key == cartKey || key == neighbour {
			t.Skip("the store has every key once")
		}
		pairs := []kvschema.Pair{
			{Key: cartKey, Value: value, CreateIndex: 3},
			{Key: neighbour, Value: []byte(strings.Replace(good, "cart", "neighbour", 1)), CreateIndex: 2},
			{Key: key, Value: another, CreateIndex: 1},
		}
		store := newStore("kubernetes")
		tree := store.read(pairs)
		for _, service := range tree.Services {
			checkService(t, *service)
		}
		for _, problem := range tree.Problems {
			checkText(t, problem.Err.Error())
		}
		reader := kvschema.NewReader(kvschema.Prefix("kubernetes"), kvschema.Rules{
			Types: []string{"NodePort", "LoadBalancer"}, Ports: "all", Name: "{namespace}-{name}", Tags: []string{"static"}, Weight: 2,
		})
		for _, pair := range pairs {
			if reading, ours := reader.Read(pair, nil); ours {
				for _, service := range kvschema.Compose([]*kvschema.Reading{reading}).Services {
					checkService(t, *service)
				}
			}
		}
		if !slices.ContainsFunc(tree.Services, func(s *kvschema.Service) bool { return s.Key == neighbour }) {
			t.Errorf("the good value is hidden: %+v", tree)
		}
		if diff := cmp.Diff(words(tree), words(store.read(pairs))); diff != "" {
			t.Errorf("read again (-first +again):\n%s", diff)
		}
		slices.Reverse(pairs)
		if diff := cmp.Diff(words(tree), words(read(pairs...))); diff != "" {
			t.Errorf("in another order (-first +other):\n%s", diff)
		}
	})
}

// checkService holds a service against all that the type promises.
func checkService(t *testing.T, s kvschema.Service) {
	t.Helper()
	if s.Key != "kubernetes/deployments/"+s.Namespace+"/"+s.Name {
		t.Errorf("the key %q is not that of %s/%s", s.Key, s.Namespace, s.Name)
	}
	if !isLabel(s.Namespace) || !isLabel(s.Name) || len(s.Ports) == 0 {
		t.Errorf("not DNS labels, or no ports: %q, %q, %v", s.Namespace, s.Name, s.Ports)
	}
	for _, port := range s.Ports {
		if port.Name != "" && !isLabel(port.Name) || port.NodePort == 0 || !slices.Contains([]string{"TCP", "UDP", "SCTP"}, port.Protocol) {
			t.Errorf("not a port: %+v", port)
		}
	}
	labels := map[string]bool{}
	for port := range s.Ports {
		checkTags(t, s.TagsOf(port))
		labels[s.Ports[port].Label()] = true
		if !isLabel(s.NameOf(port)) {
			t.Errorf("not a name: %q", s.NameOf(port))
		}
	}
	if len(labels) != len(s.Ports) || s.TraefikPort < 0 || s.TraefikPort >= len(s.Ports) || len(s.Meta) > kvschema.MaxMeta {
		t.Errorf("ports, the one for Traefik or the meta are wrong: %+v", s)
	}
}

func checkTags(t *testing.T, tags []string) {
	t.Helper()
	if !slices.IsSorted(tags) || len(slices.Compact(slices.Clone(tags))) != len(tags) {
		t.Errorf("tags are not sorted and unique: %q", tags)
	}
	for _, tag := range tags {
		if tag == "" || !utf8.ValidString(tag) || strings.ContainsFunc(tag, unicode.IsControl) {
			t.Errorf("not a tag: %q", tag)
		}
	}
	if len(strings.Join(tags, "")) > kvschema.MaxTagBytes {
		t.Errorf("more than %d bytes of tags", kvschema.MaxTagBytes)
	}
}

func isLabel(s string) bool {
	const inside = "abcdefghijklmnopqrstuvwxyz0123456789-"
	return len(s) >= 1 && len(s) <= 63 && strings.Trim(s, inside) == "" && strings.Trim(s, "-") == s
}
