package takeover

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/k8s-registrar/k8s-registrar/register"
)

// Pair is a service of the old set and the one that takes its place.
type Pair struct {
	Old Old
	// New has the same name and port. Its ID is empty if there is none, and then Why
	// says why.
	New register.Registration
	Why string
	// Lost are tags that only the old one has, and Gained those that only ours has.
	Lost, Gained []string
}

// Same tells whether nobody could tell ours from the old one.
func (p Pair) Same() bool { return p.New.ID != "" && len(p.Lost)+len(p.Gained) == 0 }

// Routing tells whether tags differ that Traefik reads. Its versions 2 and 3 drop a router
// that two instances of a service define differently, for as long as both are there.
func (p Pair) Routing() bool {
	return slices.ContainsFunc(slices.Concat(p.Lost, p.Gained), func(tag string) bool { return strings.HasPrefix(tag, "traefik") })
}

// Comparison is what would change for those who read the catalog.
type Comparison struct {
	// Pairs are the services of the old set, by ID.
	Pairs []Pair
	// Added are ours that the old set does not have, by ID.
	Added []register.Registration
}

// Compare finds for each service of the old set the one that takes its place. The order
// of tags, and a tag that is there twice, mean nothing to anybody who reads them. why
// says, by name, why there may be none.
func Compare(old []Old, desired register.Desired, why map[string]string) Comparison {
	var c Comparison
	taken := map[register.ID]bool{}
	for _, o := range old {
		pair := Pair{Old: o}
		pair.New, pair.Why = successor(o, desired)
		if reason := why[o.Name]; pair.New.ID == "" && reason != "" {
			pair.Why = reason
		}
		if pair.New.ID != "" {
			taken[pair.New.ID] = true
			pair.Lost, pair.Gained = without(o.Tags, pair.New.Tags), without(pair.New.Tags, o.Tags)
		}
		c.Pairs = append(c.Pairs, pair)
	}
	for _, id := range slices.Sorted(maps.Keys(desired.Want)) {
		if !taken[id] {
			c.Added = append(c.Added, desired.Want[id])
		}
	}
	return c
}

// successor returns the registration that takes a service's place, or why there is none.
func successor(o Old, desired register.Desired) (register.Registration, string) {
	why := "the tree asks for no service of this name"
	for _, id := range slices.Sorted(maps.Keys(desired.Want)) {
		want := desired.Want[id]
		switch {
		case want.Name != o.Name:
		case want.Port == o.Port:
			return want, ""
		default:
			why = fmt.Sprintf("the tree has it at port %d", want.Port)
		}
	}
	return register.Registration{}, why
}

// without returns the tags that another set lacks, sorted.
func without(tags, others []string) []string {
	var left []string
	for _, tag := range tags {
		if tag != "" && !slices.Contains(others, tag) {
			left = append(left, tag)
		}
	}
	slices.Sort(left)
	return slices.Compact(left)
}
