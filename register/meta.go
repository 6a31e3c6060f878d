package register

import (
	"encoding/json"
	"iter"
	"maps"
	"slices"
	"strings"
)

// Meta is the meta of a service. There are about ten entries, which in a map would take twice
// as much memory. It is never changed.
//
// The fingerprint changes with everything else and so is apart: the rest is mostly as it was
// before, and in memory once.
type Meta struct {
	fingerprint string      // empty for none
	rest        []MetaEntry // sorted by key
}

// MetaEntry is a key and its value.
type MetaEntry struct{ Key, Value string }

// NewMeta returns what Consul's client has as a map.
func NewMeta(entries map[string]string) Meta {
	rest := make([]MetaEntry, 0, len(entries))
	for _, key := range slices.Sorted(maps.Keys(entries)) {
		if key != MetaFingerprint {
			rest = append(rest, MetaEntry{key, entries[key]})
		}
	}
	return Meta{fingerprint: entries[MetaFingerprint], rest: rest}
}

// All returns the entries, the fingerprint first and the others sorted by key.
func (m Meta) All() iter.Seq2[string, string] {
	return func(yield func(key, value string) bool) {
		if m.fingerprint != "" && !yield(MetaFingerprint, m.fingerprint) {
			return
		}
		for _, e := range m.rest {
			if !yield(e.Key, e.Value) {
				return
			}
		}
	}
}

// Of returns the value of a key, empty if there is none.
func (m Meta) Of(key string) string {
	if key == MetaFingerprint {
		return m.fingerprint
	}
	i, found := m.find(key)
	if !found {
		return ""
	}
	return m.rest[i].Value
}

// With returns the meta with a key that has this value.
func (m Meta) With(key, value string) Meta {
	if key == MetaFingerprint {
		m.fingerprint = value
		return m
	}
	i, found := m.find(key)
	after := m.rest[i:]
	if found {
		after = after[1:]
	}
	m.rest = slices.Concat(m.rest[:i], []MetaEntry{{key, value}}, after)
	return m
}

// Without returns the meta without a key.
func (m Meta) Without(key string) Meta {
	if key == MetaFingerprint {
		m.fingerprint = ""
		return m
	}
	if i, found := m.find(key); found {
		m.rest = slices.Concat(m.rest[:i], m.rest[i+1:])
	}
	return m
}

// Map returns what Consul's client takes.
func (m Meta) Map() map[string]string { return maps.Collect(m.All()) }

// Equal tells whether both have the same entries.
func (m Meta) Equal(other Meta) bool {
	return m.fingerprint == other.fingerprint && slices.Equal(m.rest, other.rest)
}

// lean returns the same, pointing to whatever is equal in another.
func (m Meta) lean(other Meta) Meta {
	m.fingerprint = point(m.fingerprint, other.fingerprint)
	if slices.Equal(m.rest, other.rest) {
		m.rest = other.rest
	}
	return m
}

// MarshalJSON writes it as Consul does.
func (m Meta) MarshalJSON() ([]byte, error) { return json.Marshal(m.Map()) }

func (m Meta) find(key string) (int, bool) {
	return slices.BinarySearchFunc(m.rest, key, func(e MetaEntry, key string) int { return strings.Compare(e.Key, key) })
}
