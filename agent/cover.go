package agent

import (
	"cmp"
	"slices"
	"strings"
)

// partKeys is how many keys a part of the tree should have at most. Reading one costs
// Consul and us about 50 µs a key, which is what a change then takes longer.
const partKeys = 32

// fewBytes is how much the values of the whole tree may hold for each node to read them once
// a minute, whether they change or not. It saves the read of what has changed: a round trip,
// and one of two answers that Consul's servers make for it.
const fewBytes = 128 << 10

// hugeKeys is how many keys of one namespace are worth the query for the list of its
// names, which dividing it takes.
const hugeKeys = 4 * partKeys

// cover says how the tree is watched: in parts, each a prefix that Consul is asked to
// wait for and that is read when it changed. So a change costs what its part costs, and
// not what the tree does. Prefixes are plain strings to Consul and need not end at a
// slash: many small namespaces with a common beginning make one part, and one huge
// namespace makes many.
type cover struct {
	// parts are prefixes, sorted; none begins with another.
	parts []string
	// folders are those whose list of names shows whether something is in no part: the
	// root, and each namespace that is more than one part. None is needed if the root
	// is a part itself.
	folders []string
}

// size is how many queries wait for it.
func (c cover) size() int { return len(c.parts) + len(c.folders) }

// places are where its doorbells hang, given what was read of the parts. Values come with
// the ring where one part is the whole tree and they are few.
func (c cover) places(parts []part) map[place]bool {
	places := map[place]bool{}
	for _, prefix := range c.parts {
		i, known := partOf(parts, prefix)
		places[place{prefix: prefix, valued: len(c.folders) == 0 && known && parts[i].few}] = true
	}
	for _, prefix := range c.folders {
		places[place{prefix: prefix, folder: true}] = true
	}
	return places
}

// newCover divides the tree below root, given its keys in order, among at most so many
// queries: the largest part is divided until all are small or the queries are used up.
func newCover(root string, keys []string, most int) cover {
	divided := division{root: root, nodes: []node{{root, keys}}}
	for divided.step(most) {
	}
	c := cover{folders: divided.folders}
	for _, n := range divided.nodes {
		c.parts = append(c.parts, n.prefix)
	}
	slices.Sort(c.parts)
	return c
}

// node is a part with its keys.
type node struct {
	prefix string
	keys   []string
}

// division is a cover while it is made.
type division struct {
	root    string
	nodes   []node
	folders []string
}

// step divides the largest part that can be, and returns false if there is none.
func (d *division) step(most int) bool {
	slices.SortFunc(d.nodes, func(a, b node) int {
		return cmp.Or(cmp.Compare(len(b.keys), len(a.keys)), cmp.Compare(a.prefix, b.prefix))
	})
	for i, n := range d.nodes {
		if len(n.keys) <= partKeys {
			return false
		}
		parts, folder := d.divide(n)
		folders := d.folders
		for _, needed := range []string{d.root, folder} {
			if !slices.Contains(folders, needed) {
				folders = append(slices.Clone(folders), needed)
			}
		}
		if folder != d.root && !slices.Contains(d.folders, folder) && len(n.keys) < hugeKeys {
			continue
		}
		if len(parts) < 2 || len(d.nodes)-1+len(parts)+len(folders) > most {
			continue
		}
		d.nodes = slices.Concat(d.nodes[:i], parts, d.nodes[i+1:])
		d.folders = folders
		return true
	}
	return false
}

// divide splits a part by the first letter in which its keys differ. It returns none if
// a key ends there: its prefix would be that of the others as well. The folder is the
// one whose list shows a key that begins otherwise than all of them.
func (d *division) divide(n node) (parts []node, folder string) {
	common := len(commonPrefix(n.keys[0], n.keys[len(n.keys)-1]))
	folder = d.root
	if namespace, _, inside := strings.Cut(n.keys[0][len(d.root):common], "/"); inside {
		folder = d.root + namespace + "/"
	}
	for _, key := range n.keys {
		if len(key) == common {
			return nil, folder
		}
		if last := len(parts) - 1; last >= 0 && strings.HasPrefix(key, parts[last].prefix) {
			parts[last].keys = append(parts[last].keys, key)
		} else {
			parts = append(parts, node{key[:common+1], []string{key}})
		}
	}
	return parts, folder
}

func commonPrefix(a, b string) string {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return a[:n]
}

// gap returns the prefix of a part to add if a name from a folder's list is in no part,
// and false if it is in one, or leads to some. It is as short as can be without taking
// anything away from another part.
func (c cover) gap(folder, name string) (string, bool) {
	if !strings.HasPrefix(name, folder) || c.holds(name) || c.leadsTo(name) {
		return "", false
	}
	for end := len(folder) + 1; end <= len(name); end++ {
		if !c.leadsTo(name[:end]) {
			return name[:end], true
		}
	}
	return "", false
}

// holds tells whether a name is in a part.
func (c cover) holds(name string) bool {
	i, exact := slices.BinarySearch(c.parts, name)
	return exact || i > 0 && strings.HasPrefix(name, c.parts[i-1])
}

// leadsTo tells whether a part begins with a name.
func (c cover) leadsTo(name string) bool {
	i, _ := slices.BinarySearch(c.parts, name)
	return i < len(c.parts) && strings.HasPrefix(c.parts[i], name)
}

// with returns the cover with one more part.
func (c cover) with(prefix string) cover {
	i, _ := slices.BinarySearch(c.parts, prefix)
	return cover{parts: slices.Insert(slices.Clone(c.parts), i, prefix), folders: c.folders}
}

// coarsest returns how many of the keys, which are in order, the largest part has.
func (c cover) coarsest(keys []string) int {
	var most int
	for _, prefix := range c.parts {
		most = max(most, count(keys, prefix))
	}
	return most
}

// without drops the parts that have no key, except the root: the watch of a prefix
// without keys wakes on every write in the whole datacenter.
func (c cover) without(keys []string) cover {
	if len(c.folders) == 0 {
		return c
	}
	return cover{folders: c.folders, parts: slices.DeleteFunc(slices.Clone(c.parts), func(prefix string) bool {
		return count(keys, prefix) == 0
	})}
}

// count returns how many of the keys, which are in order, begin with a prefix.
func count(keys []string, prefix string) int {
	from, _ := slices.BinarySearch(keys, prefix)
	n := slices.IndexFunc(keys[from:], func(key string) bool { return !strings.HasPrefix(key, prefix) })
	if n < 0 {
		return len(keys) - from
	}
	return n
}
