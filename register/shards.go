package register

import (
	"fmt"
	"regexp"
	"strings"
)

const (
	// shardSize is how many services are asked for together. An answer is taken apart as a
	// whole, which needs some KB of memory for each service in it; and a look at everything
	// is not to keep Consul busy for long at a time, when there is news. But for each part
	// Consul goes through all services with a filter, which of 1,000 costs the agent a third
	// of what an answer with all of them does.
	shardSize = 1024
	// mostShards bounds in how many parts everything is asked for: for each, Consul goes
	// through all of its services.
	mostShards = 8
)

// shard is a part of the services by how their IDs begin. Some shards of the same making
// hold every ID once, whoever's it is.
type shard struct {
	prefixes []string
	// others tells that it holds all that begin otherwise.
	others bool
	// whole tells that the prefixes are whole IDs, and longer ones are not meant.
	whole bool
}

// filter returns the expression by which Consul chooses the shard, given what it calls the
// ID. It is empty if the shard is everything.
func (s shard) filter(selector string) string {
	if len(s.prefixes) == 0 {
		return ""
	}
	quoted := make([]string, len(s.prefixes))
	for i, prefix := range s.prefixes {
		quoted[i] = regexp.QuoteMeta(prefix)
	}
	not, end := "", ""
	if s.others {
		not = "not "
	}
	if s.whole {
		end = "$"
	}
	return fmt.Sprintf("%s %smatches %q", selector, not, "^(?:"+strings.Join(quoted, "|")+")"+end)
}

// inParts reads everything, a shard at a time, and keeps of it what is not known already.
func (l *Local) inParts(desired Desired, read func(shard) (Actual, error)) (Actual, error) {
	var all Actual
	for _, s := range shards(sortedIDs(desired.Want)) {
		part, err := read(s)
		if err != nil {
			return Actual{}, err
		}
		all = all.with(part.Lean(desired).recall(l.before))
	}
	return all, nil
}

// shards divides all services, of which those with some sorted IDs are expected.
func shards(expected []ID) []shard { return divide(expected, shardSize, mostShards) }

// divide makes shards of at least so many services, if there are as many, and about so many
// shards at most.
func divide(expected []ID, size, most int) []shard {
	size = max(size, (len(expected)+most-1)/most)
	if len(expected) <= size {
		return []shard{{others: true}}
	}
	var all []shard
	var others shard
	room := 0
	for _, b := range branches("", expected, size) {
		if b.ids > room {
			all, room = append(all, shard{}), size
		}
		room -= b.ids
		last := &all[len(all)-1]
		last.prefixes = append(last.prefixes, b.prefix)
		others.prefixes = append(others.prefixes, b.prefix)
	}
	others.others = true
	return append(all, others)
}

// branch is how some IDs begin, and no others.
type branch struct {
	prefix string
	ids    int
}

// branches divides sorted IDs that have a prefix in common, until each branch is small
// enough or cannot be divided.
func branches(prefix string, ids []ID, size int) []branch {
	first, last := string(ids[0]), string(ids[len(ids)-1])
	common := 0
	for common < min(len(first), len(last)) && first[common] == last[common] {
		common++
	}
	if len(ids) <= size || common == len(first) { // an ID that ends there is in all branches
		return []branch{{prefix, len(ids)}}
	}
	var all []branch
	for len(ids) > 0 {
		begins, n := string(ids[0][:common+1]), 0
		for n < len(ids) && strings.HasPrefix(string(ids[n]), begins) {
			n++
		}
		all = append(all, branches(begins, ids[:n], size)...)
		ids = ids[n:]
	}
	return all
}
