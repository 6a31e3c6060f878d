package consultest

import (
	"cmp"
	"net/http"
	"path"
	"strconv"
	"strings"
)

// SetKV writes a key. Writing the value it already has wakes nobody.
func (c *Consul) SetKV(key, value string) {
	c.changeKV(func(s *store, index uint64) { s.set(key, []byte(value), 0, index) })
}

// TouchKV raises the indexes of a key without changing its value, as taking and releasing a lock on it does.
func (c *Consul) TouchKV(key string) {
	c.changeKV(func(s *store, index uint64) { s.touch(key, index) })
}

// DeleteKV deletes keys, all of them at the same moment. The tombstone of each raises the index of every prefix
// of it.
func (c *Consul) DeleteKV(keys ...string) {
	c.changeKV(func(s *store, index uint64) {
		for _, key := range keys {
			s.remove(key, index)
		}
	})
}

// Deltree deletes everything below a prefix.
func (c *Consul) Deltree(prefix string) {
	c.changeKV(func(s *store, index uint64) { s.removeTree(prefix, index) })
}

func (c *Consul) changeKV(change func(s *store, index uint64)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change(c.store, c.writeLocked())
	c.changedLocked()
}

func (c *Consul) getKV(q *query) answer {
	if bad := q.cleanKey(); bad != "" {
		return plain(http.StatusInternalServerError, "%s", bad)
	}
	switch {
	case q.form.Has("keys"):
		return c.listKV(q, func(pairs []pair) any { return keys(pairs, q.name, q.form.Get("separator")) })
	case q.form.Has("recurse"):
		return c.listKV(q, func(pairs []pair) any { return pairs })
	case q.name == "":
		return plain(http.StatusBadRequest, "Missing key name")
	default:
		return c.oneKV(q)
	}
}

// oneKV answers for a single key. Unlike a list, it says 403 when the token may not read it.
func (c *Consul) oneKV(q *query) answer {
	return c.block(q, func(s *store) answer {
		if !q.authz.key(q.name, read) {
			return q.denied("key:read", q.name)
		}
		found, exists := s.pairs[q.name]
		if !exists {
			return c.foundLocked(q, http.StatusNotFound, nil, s.kvIndex, false)
		}
		return c.foundLocked(q, http.StatusOK, []pair{found}, found.ModifyIndex, false)
	})
}

// listKV answers for a prefix. What the token may not read is left out without a word; if nothing is left, it
// is 404 as for a prefix that does not exist. The index is that of the whole prefix, hidden keys included, so
// a hidden change wakes too.
func (c *Consul) listKV(q *query, show func([]pair) any) answer {
	if c.needsKeyList() && !q.authz.key(q.name, list) {
		return q.denied("key:list", q.name)
	}
	return c.block(q, func(s *store) answer {
		all, index := s.list(q.name)
		visible := q.authz.visible(all)
		filtered := len(visible) < len(all)
		if len(visible) == 0 && (q.form.Has("recurse") || q.name != "") {
			return c.foundLocked(q, http.StatusNotFound, nil, index, filtered)
		}
		return c.foundLocked(q, http.StatusOK, show(visible), index, filtered)
	})
}

// keys lists names only, each cut after the first separator that follows the prefix.
func keys(pairs []pair, prefix, separator string) []string {
	names := []string{}
	for _, p := range pairs {
		name := p.Key
		if at := strings.Index(name[len(prefix):], separator); separator != "" && at >= 0 {
			name = name[:len(prefix)+at+len(separator)]
		}
		if len(names) == 0 || names[len(names)-1] != name {
			names = append(names, name)
		}
	}
	return names
}

// largestValue is Consul's default limit for a value, 512 KiB.
const largestValue = 512 << 10

func (c *Consul) putKV(q *query) answer {
	if bad := q.cleanKey(); bad != "" {
		return plain(http.StatusInternalServerError, "%s", bad)
	}
	flags, err := strconv.ParseUint(cmp.Or(q.form.Get("flags"), "0"), 10, 64)
	switch {
	case err != nil:
		return plain(http.StatusInternalServerError, "%v", err)
	case q.form.Has("cas") || q.form.Has("acquire") || q.form.Has("release"):
		return plain(http.StatusNotImplemented, "consultest: no cas, acquire or release")
	case q.name == "":
		return plain(http.StatusBadRequest, "Missing key name")
	case len(q.body) > largestValue:
		return plain(http.StatusRequestEntityTooLarge,
			"Request body(%d bytes) too large, max size: %d bytes. See %s.", len(q.body), largestValue,
			"https://developer.hashicorp.com/docs/agent/config/config-files#kv_max_value_size")
	}
	return c.writeKV(q, func(s *store, index uint64) { s.set(q.name, q.body, flags, index) })
}

func (c *Consul) deleteKV(q *query) answer {
	if bad := q.cleanKey(); bad != "" {
		return plain(http.StatusInternalServerError, "%s", bad)
	}
	switch {
	case q.form.Has("recurse"):
		return c.writeKV(q, func(s *store, index uint64) { s.removeTree(q.name, index) })
	case q.form.Has("cas"):
		return plain(http.StatusNotImplemented, "consultest: no cas")
	case q.name == "":
		return plain(http.StatusBadRequest, "Missing key name")
	default:
		return c.writeKV(q, func(s *store, index uint64) { s.remove(q.name, index) })
	}
}

// writeKV is a client's write: it needs the right to, and a leader.
func (c *Consul) writeKV(q *query, change func(s *store, index uint64)) answer {
	if !q.authz.key(q.name, write) {
		return q.denied("key:write", q.name)
	}
	if failure, ok := c.awaitLeader(q); !ok {
		return failure
	}
	c.changeKV(change)
	return ok(true)
}

// cleanKey does to the key what Consul does since 1.21: a/../b is b, and no key begins or ends in a blank.
func (q *query) cleanKey() (bad string) {
	if q.name == "" {
		return ""
	}
	folder := strings.HasSuffix(q.name, "/")
	q.name = path.Clean(q.name)
	if folder {
		q.name += "/"
	}
	if strings.Trim(q.name, " ") != q.name {
		return "invalid key name, leading/trailing spaces are not allowed"
	}
	return ""
}
