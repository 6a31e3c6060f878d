package consultest

import (
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/hashicorp/consul/api"
)

// store is what the servers keep and a snapshot saves: the KV tree and this node's part of the catalog. The
// values in its maps are replaced, never changed.
type store struct {
	pairs      map[string]pair
	keys       []string          // of pairs, sorted
	tombstones map[string]uint64 // of deleted keys and prefixes: the index of the delete
	kvIndex    uint64            // of the last change anywhere in the tree

	services   map[string]api.AgentService
	checks     map[string]Check
	nodeIndex  uint64 // of the last change to the node or its services
	checkIndex uint64 // of the last change to the node's checks
}

// pair is a key as Consul's JSON has it. An empty value is null.
type pair struct {
	LockIndex   uint64
	Key         string
	Flags       uint64
	Value       []byte
	Session     string `json:",omitempty"`
	CreateIndex uint64
	ModifyIndex uint64
}

func newStore(index uint64) *store {
	return &store{
		pairs:      map[string]pair{},
		tombstones: map[string]uint64{},
		services:   map[string]api.AgentService{},
		checks:     map[string]Check{},
		nodeIndex:  index,
		checkIndex: index,
	}
}

func (s *store) clone() *store {
	clone := *s
	clone.pairs = maps.Clone(s.pairs)
	clone.keys = slices.Clone(s.keys)
	clone.tombstones = maps.Clone(s.tombstones)
	clone.services = maps.Clone(s.services)
	clone.checks = maps.Clone(s.checks)
	return &clone
}

// set stores a value. One that is already there changes nothing: no index moves and nobody wakes.
func (s *store) set(key string, value []byte, flags, index uint64) {
	old, exists := s.pairs[key]
	if exists && old.Flags == flags && string(old.Value) == string(value) {
		return
	}
	next := old
	next.Key, next.Flags, next.ModifyIndex = key, flags, index
	next.Value = slices.Clone(value)
	if len(value) == 0 {
		next.Value = nil
	}
	if !exists {
		next.CreateIndex = index
		at, _ := slices.BinarySearch(s.keys, key)
		s.keys = slices.Insert(s.keys, at, key)
	}
	s.pairs[key] = next
	s.kvIndex = index
}

// touch is a session that takes its lock on a key: the indexes rise, the value stays.
func (s *store) touch(key string, index uint64) {
	p, exists := s.pairs[key]
	if !exists {
		return
	}
	p.LockIndex++
	p.ModifyIndex = index
	s.pairs[key] = p
	s.kvIndex = index
}

// remove deletes a key and leaves a tombstone, so that the index of its prefix rises. A key that does not
// exist leaves nothing.
func (s *store) remove(key string, index uint64) {
	if _, exists := s.pairs[key]; !exists {
		return
	}
	delete(s.pairs, key)
	at, _ := slices.BinarySearch(s.keys, key)
	s.keys = slices.Delete(s.keys, at, at+1)
	s.tombstones[key] = index
	s.kvIndex = index
}

// removeTree deletes everything below a prefix and leaves one tombstone for the prefix itself.
func (s *store) removeTree(prefix string, index uint64) {
	from, to := s.span(prefix)
	if from == to {
		return
	}
	for _, key := range s.keys[from:to] {
		delete(s.pairs, key)
	}
	s.keys = slices.Delete(s.keys, from, to)
	if prefix != "" {
		s.tombstones[prefix] = index
	}
	s.kvIndex = index
}

// list returns the pairs whose key starts with prefix, and the index of the prefix: the highest among its
// pairs and its tombstones. Without either, and for the empty prefix, it is the index of the whole tree: a
// watch on a prefix that never existed wakes on every write.
func (s *store) list(prefix string) ([]pair, uint64) {
	var (
		found []pair
		index uint64
	)
	from, to := s.span(prefix)
	for _, key := range s.keys[from:to] {
		found = append(found, s.pairs[key])
		index = max(index, s.pairs[key].ModifyIndex)
	}
	for key, deleted := range s.tombstones {
		if strings.HasPrefix(key, prefix) {
			index = max(index, deleted)
		}
	}
	if index == 0 || prefix == "" {
		index = s.kvIndex
	}
	return found, index
}

// span is where the keys with a prefix lie among all keys.
func (s *store) span(prefix string) (from, to int) {
	from, _ = slices.BinarySearch(s.keys, prefix)
	to = from
	for to < len(s.keys) && strings.HasPrefix(s.keys[to], prefix) {
		to++
	}
	return from, to
}

// register puts a service and its checks into the catalog. One that is already there, unchanged, moves no
// index; checks never do.
func (s *store) register(service api.AgentService, checks []Check, index uint64) {
	if old, exists := s.services[service.ID]; !exists || !sameService(old, service) {
		service.CreateIndex, service.ModifyIndex = index, index
		if exists {
			service.CreateIndex = old.CreateIndex
		}
		s.services[service.ID] = service
		s.nodeIndex = index
	}
	for _, check := range checks {
		check.CreateIndex, check.ModifyIndex = index, index
		s.checks[check.CheckID] = check
		s.checkIndex = index
	}
}

// deregister takes a service and its checks out of the catalog.
func (s *store) deregister(id string, index uint64) {
	if _, exists := s.services[id]; !exists {
		return
	}
	delete(s.services, id)
	maps.DeleteFunc(s.checks, func(_ string, check Check) bool { return check.ServiceID == id })
	s.nodeIndex, s.checkIndex = index, index
}

// deregisterCheck takes a check out of the catalog.
func (s *store) deregisterCheck(id string, index uint64) {
	if _, exists := s.checks[id]; exists {
		delete(s.checks, id)
		s.checkIndex = index
	}
}

// sameService compares everything but the indexes. The order of tags matters.
func sameService(a, b api.AgentService) bool {
	a.CreateIndex, a.ModifyIndex = b.CreateIndex, b.ModifyIndex
	return reflect.DeepEqual(a, b)
}
