package register

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

// Meta is the meta of a service, sorted by key. There are about ten entries, which in a map
// would take twice as much memory. It is never changed.
type Meta []MetaEntry

// MetaEntry is a key and its value.
type MetaEntry struct{ Key, Value string }

// NewMeta returns what Consul's client has as a map.
func NewMeta(entries map[string]string) Meta {
	meta := make(Meta, 0, len(entries))
	for _, key := range slices.Sorted(maps.Keys(entries)) {
		meta = append(meta, MetaEntry{key, entries[key]})
	}
	return meta
}

// Of returns the value of a key, empty if there is none.
func (m Meta) Of(key string) string {
	i, found := m.find(key)
	if !found {
		return ""
	}
	return m[i].Value
}

// With returns the meta with a key that has this value.
func (m Meta) With(key, value string) Meta {
	i, found := m.find(key)
	rest := m[i:]
	if found {
		rest = rest[1:]
	}
	return slices.Concat(m[:i], Meta{{key, value}}, rest)
}

// Without returns the meta without a key.
func (m Meta) Without(key string) Meta {
	i, found := m.find(key)
	if !found {
		return m
	}
	return slices.Concat(m[:i], m[i+1:])
}

// Map returns what Consul's client takes.
func (m Meta) Map() map[string]string {
	entries := make(map[string]string, len(m))
	for _, e := range m {
		entries[e.Key] = e.Value
	}
	return entries
}

// MarshalJSON writes it as Consul does.
func (m Meta) MarshalJSON() ([]byte, error) { return json.Marshal(m.Map()) }

func (m Meta) find(key string) (int, bool) {
	return slices.BinarySearchFunc(m, key, func(e MetaEntry, key string) int { return strings.Compare(e.Key, key) })
}
