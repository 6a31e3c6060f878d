package main

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/hashicorp/consul/api"

	"github.com/k8s-registrar/k8s-registrar/agent"
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

// TestHeldStaysHeld: only what was too much when it began to wait may go on waiting.
func TestHeldStaysHeld(t *testing.T) {
	var l life
	keys := make([]string, 20)
	for i := range keys {
		keys[i] = fmt.Sprint(i)
	}
	for _, tt := range []struct {
		what    string
		waiting []string
		spent   int
		fresh   int
	}{
		{"nothing waits", nil, 0, 20},
		{"few, for no reason", keys[:2], 0, 20},
		{"too many", keys[:budget+1], 0, 20 - budget - 1},
		{"what is left of them", keys[:2], 0, 18},
		{"another one with them, for no reason", keys[:3], 0, 18},
		{"what was away in between", keys[3:5], 0, 20},
		{"few, but many went before", keys[:1], budget, 19},
	} {
		var sets []agent.Waiting
		if tt.waiting != nil {
			sets = append(sets, agent.Waiting{Keys: tt.waiting})
		}
		l.follow(sets, tt.spent)
		if got := l.fresh(keys); got != tt.fresh {
			t.Errorf("%s: %d of 20 would be fresh, want %d", tt.what, got, tt.fresh)
		}
	}
}
