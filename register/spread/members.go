package spread

import (
	"cmp"
	"slices"

	"github.com/cespare/xxhash/v2"

	"github.com/k8s-registrar/k8s-registrar/kvschema"
)

// Member is a node that takes part.
type Member struct {
	// Name is the node's name in Consul.
	Name string
	// Meta is what Consul has in the node's meta, for services that are for some nodes only.
	Meta map[string]string
}

// Members are the nodes among which services are shared out. The zero value is none.
type Members struct {
	list []ranked // by name, each once
}

type ranked struct {
	Member
	hash uint64
}

// NewMembers returns the members in any order as one value; of two with one name the first
// counts.
func NewMembers(all ...Member) Members {
	var m Members
	for _, member := range all {
		m.list = append(m.list, ranked{Member: member, hash: xxhash.Sum64String(member.Name)})
	}
	slices.SortStableFunc(m.list, func(a, b ranked) int { return cmp.Compare(a.Name, b.Name) })
	m.list = slices.CompactFunc(m.list, func(a, b ranked) bool { return a.Name == b.Name })
	return m
}

// Names returns the names of the members, sorted.
func (m Members) Names() []string {
	names := make([]string, 0, len(m.list))
	for _, member := range m.list {
		names = append(names, member.Name)
	}
	return names
}

// Without returns the members but one.
func (m Members) Without(name string) Members {
	m.list = slices.DeleteFunc(slices.Clone(m.list), func(r ranked) bool { return r.Name == name })
	return m
}

// Holders returns the names of the members that announce the service of a KV key, the first
// in rank first: as many as there should be copies, or all that are eligible if there are
// not more. It depends on nothing else, in particular not on who asks: when a member goes,
// only the services that it held get another holder, and when one comes, it takes each
// service from one holder at most.
func (m Members) Holders(key string, copies int, eligible kvschema.Selector) []string {
	type place struct {
		score uint64
		name  string
	}
	var best []place // the highest score first, copies at most
	hash := xxhash.Sum64String(key)
	for _, member := range m.list {
		if len(eligible) > 0 && !eligible.Matches(member.Meta) {
			continue
		}
		p := place{mix(hash ^ member.hash), member.Name}
		if len(best) == copies {
			if copies == 0 || best[copies-1].score >= p.score {
				continue
			}
			best = best[:copies-1]
		}
		at := len(best)
		for at > 0 && best[at-1].score < p.score {
			at--
		}
		best = slices.Insert(best, at, p)
	}
	names := make([]string, 0, len(best))
	for _, p := range best {
		names = append(names, p.name)
	}
	return names
}

// Elsewhere tells whether there are as many holders as copies, and the node of this name is
// none of them. It is [Members.Holders] for one who only wants to know that, and much
// quicker. There must be a copy at least.
func (m Members) Elsewhere(self, key string, copies int, eligible kvschema.Selector) bool {
	hash := xxhash.Sum64String(key)
	at, takesPart := slices.BinarySearchFunc(m.list, self, func(r ranked, name string) int { return cmp.Compare(r.Name, name) })
	var own uint64
	if takesPart {
		takesPart = len(eligible) == 0 || eligible.Matches(m.list[at].Meta)
		own = mix(hash ^ m.list[at].hash)
	}
	var before int // in rank
	for i, member := range m.list {
		if takesPart {
			if score := mix(hash ^ member.hash); score < own || score == own && i >= at {
				continue
			}
		}
		if len(eligible) == 0 || eligible.Matches(member.Meta) {
			before++
		}
		if before >= copies {
			return true
		}
	}
	return false
}

// mix makes every bit of the result depend on every bit of x, so that the scores of a node
// have nothing to do with each other. It is the finalizer of splitmix64 (Steele, Lea and
// Flood, 2014). It never changes: two versions in one fleet would not agree.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
