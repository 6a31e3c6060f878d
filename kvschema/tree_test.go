package kvschema_test

import (
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/k8s-registrar/k8s-registrar/kvschema"
)

// good is what a value holds at least, for the key cartKey.
const (
	cartKey = "kubernetes/deployments/shop/cart"
	good    = `{"metadata": {"name": "cart"}, "spec": {"type": "NodePort", "ports": [{"nodePort": 30080}]}}`
)

// tree is a kvschema.Tree in words that tests compare.
type tree struct {
	Services []kvschema.Service
	Problems []string
}

func words(t kvschema.Tree) tree {
	var got tree
	for _, s := range t.Services {
		got.Services = append(got.Services, *s)
	}
	for _, p := range t.Problems {
		got.Problems = append(got.Problems, p.Error())
	}
	return got
}

// store is a tree that is read again and again.
type store struct {
	reader   kvschema.Reader
	readings map[string]*kvschema.Reading
}

func newStore(keyPath string) *store {
	return &store{reader: kvschema.NewReader(kvschema.Prefix(keyPath), kvschema.Rules{})}
}

// read reads one complete state of the tree.
func (s *store) read(pairs []kvschema.Pair) kvschema.Tree {
	fresh := map[string]*kvschema.Reading{}
	for _, pair := range pairs {
		if reading, ours := s.reader.Read(pair, s.readings[pair.Key]); ours {
			fresh[pair.Key] = reading
		}
	}
	s.readings = fresh
	return kvschema.Compose(slices.Collect(maps.Values(fresh)))
}

// read reads the pairs once.
func read(pairs ...kvschema.Pair) kvschema.Tree { return newStore("kubernetes").read(pairs) }

// readCart decodes one value of the key cartKey and returns its reading.
func readCart(t *testing.T, value string) (services []kvschema.Service, problem string) {
	t.Helper()
	got := read(kvschema.Pair{Key: cartKey, Value: []byte(value)})
	if len(got.Services)+len(got.Problems) > 1 {
		t.Fatalf("one value gave more than one reading: %+v", got)
	}
	for _, p := range got.Problems {
		problem = p.Err.Error()
	}
	return words(got).Services, problem
}

func diff(t *testing.T, want, got any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
