package main

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/consul/api"
)

const (
	tree     = "kubernetes/deployments/"
	instance = "default"
	idPrefix = "k8s-registrar-" + instance + "."
	// budget is guard.min; guard.percent is too small to count.
	budget       = 8
	guardPercent = 10
	guardWindow  = 10 * time.Minute
)

// A reg is a registration as everybody sees it.
type reg struct {
	id, name, key string
	port          int
	tags          []string
}

// String is all of it, for comparing and printing.
func (r reg) String() string {
	return fmt.Sprintf("%s port %d tags %s key %s", r.name, r.port, strings.Join(r.tags, "|"), r.key)
}

// seen returns what is registered under an ID.
func seen(s *api.AgentService) reg {
	return reg{id: s.ID, name: s.Service, key: s.Meta["k8s-registrar-key"], port: s.Port, tags: s.Tags}
}

// ours tells whether a service belongs to the registrar.
func ours(s *api.AgentService) bool {
	return strings.HasPrefix(s.ID, idPrefix) && s.Meta["managed-by"] == "k8s-registrar" && s.Meta["k8s-registrar-instance"] == instance
}

// An entry is a key of the tree.
type entry struct {
	key, ns, name string
	create        uint64
	value         value
	ballast       bool // it is there to be one of many, see plant
	// memory is the last good reading that the running registrar holds of a bad value.
	memory *reg
}

func (e *entry) reg() reg {
	return reg{id: idPrefix + e.ns + "." + e.name + "." + e.portName(), name: e.name, key: e.key, port: e.value.port, tags: e.value.tags()}
}

func (e *entry) portName() string {
	if e.value.portName == "" {
		return "80"
	}
	return e.value.portName
}

// A model knows what the node should announce, from the tree alone and from what was
// registered for keys that turned bad before the registrar started.
type model struct {
	entries map[string]*entry
	// kept are registrations of bad values that the running registrar never read well.
	kept map[string]map[string]bool // key -> IDs
}

func newModel() *model {
	return &model{entries: map[string]*entry{}, kept: map[string]map[string]bool{}}
}

// holder tells whether the key may use its name: the oldest key that claims it may.
func (m *model) holder(e *entry) bool {
	for _, rival := range m.entries {
		claims := rival.value.kind != other
		if rival != e && claims && rival.name == e.name &&
			(rival.create < e.create || rival.create == e.create && rival.key < e.key) {
			return false
		}
	}
	return true
}

// frozen tells whether what is registered for a key stays as it is since the oldest key
// that claims its name cannot be read: nobody knows whose the name is.
func (m *model) frozen(key string) bool {
	e := m.entries[key]
	if e == nil || e.value.kind == other {
		return false
	}
	for _, rival := range m.entries {
		if rival.name == e.name && rival.value.kind == bad && m.holder(rival) {
			return true
		}
	}
	return false
}

// want returns what must be announced exactly, by ID.
func (m *model) want() map[string]reg {
	all := map[string]reg{}
	for _, e := range m.entries {
		switch {
		case !m.holder(e):
		case e.value.kind == good:
			r := e.reg()
			all[r.id] = r
		case e.value.kind == bad && e.memory != nil:
			all[e.memory.id] = *e.memory
		}
	}
	return all
}

// keep returns the IDs that must stay as they are though nobody can read their values.
func (m *model) keep() map[string]bool {
	all := map[string]bool{}
	for key, ids := range m.kept {
		e := m.entries[key]
		if e != nil && e.value.kind == bad && e.memory == nil && m.holder(e) {
			maps.Copy(all, ids)
		}
	}
	return all
}

// put stores a value. A bad one over a good one is remembered as the registrar does,
// if it runs; else what is registered stays.
func (m *model) put(e *entry, running bool) {
	old := m.entries[e.key]
	m.entries[e.key] = e
	if e.value.kind != bad {
		delete(m.kept, e.key)
		return
	}
	switch {
	case old == nil || old.value.kind == other:
	case old.value.kind == bad:
		e.memory = old.memory
	case running:
		last := old.reg()
		e.memory = &last
	default:
		m.kept[e.key] = map[string]bool{old.reg().id: true}
	}
}

// forget is what the end of the registrar's process does: it knew the bad values'
// last good readings, and the next one only knows what is registered.
func (m *model) forget(registered map[string]*api.AgentService) {
	for _, e := range m.entries {
		if e.value.kind == bad && e.memory != nil {
			e.memory = nil
			m.adopt(e.key, registered)
		}
	}
}

// adopt takes what is registered for a key as what must stay.
func (m *model) adopt(key string, registered map[string]*api.AgentService) {
	ids := map[string]bool{}
	for id, s := range registered {
		if ours(s) && seen(s).key == key {
			ids[id] = true
		}
	}
	m.kept[key] = ids
}

// announced tells whether a key has a registration that must be there.
func announced(want map[string]reg, key string) bool {
	for _, r := range want {
		if r.key == key {
			return true
		}
	}
	return false
}

// surplus returns the keys, sorted, of what is registered and neither wanted nor kept.
func (m *model) surplus(registered map[string]*api.AgentService) []string {
	want, keep := m.want(), m.keep()
	var keys []string
	for id, s := range registered {
		if _, wanted := want[id]; ours(s) && !wanted && !keep[id] && !m.frozen(seen(s).key) && !announced(want, seen(s).key) {
			keys = append(keys, seen(s).key)
		}
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

// hash names a set of removals as the registrar has to.
func hash(keys []string) string {
	sum := sha256.Sum256([]byte(strings.Join(keys, "\n")))
	return fmt.Sprintf("%x", sum[:6])
}
