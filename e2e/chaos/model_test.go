package main

import (
	"maps"
	"slices"
	"testing"

	"github.com/hashicorp/consul/api"
)

// TestModel has the answers of the model that runs were wrong about.
func TestModel(t *testing.T) {
	key := func(ns string, create uint64, k kind) *entry {
		return &entry{key: tree + ns + "/s", ns: ns, name: "s", create: create, value: value{kind: k, port: 1, portName: "http"}}
	}
	registered := func(e *entry) map[string]*api.AgentService {
		r := e.reg()
		meta := map[string]string{"managed-by": "k8s-registrar", "k8s-registrar-instance": instance, "k8s-registrar-key": r.key}
		return map[string]*api.AgentService{r.id: {ID: r.id, Service: r.name, Port: r.port, Meta: meta}}
	}
	older, younger := key("ops", 1, good), key("shop", 2, good)
	for _, tt := range []struct {
		what    string
		entries []*entry
		want    []string // IDs
		surplus []string // keys
	}{
		{"alone", []*entry{younger}, []string{younger.reg().id}, nil},
		{"deleted", nil, nil, []string{younger.key}},
		{"the older one has the name", []*entry{older, younger}, []string{older.reg().id}, []string{younger.key}},
		{"the older one cannot be read", []*entry{key("ops", 1, bad), younger}, nil, nil},
		{"a younger one cannot be read", []*entry{key("ops", 3, bad), younger}, []string{younger.reg().id}, nil},
		{"the older one asks for nothing", []*entry{key("ops", 1, other), younger}, []string{younger.reg().id}, nil},
		{"it asks for nothing, and the older one cannot be read", []*entry{key("ops", 1, bad), key("shop", 2, other)}, nil, []string{younger.key}},
	} {
		t.Run(tt.what, func(t *testing.T) {
			m := newModel()
			for _, e := range tt.entries {
				m.put(e, true)
			}
			if got := slices.Sorted(maps.Keys(m.want())); !slices.Equal(got, tt.want) {
				t.Errorf("want %v, want %v", got, tt.want)
			}
			if got := m.surplus(registered(younger)); !slices.Equal(got, tt.surplus) {
				t.Errorf("surplus %v, want %v", got, tt.surplus)
			}
		})
	}
}
