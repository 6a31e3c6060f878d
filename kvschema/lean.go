package kvschema

import (
	"maps"
	"reflect"
	"slices"
)

// lean has a Service that was just read point to whatever is equal in the one before, nil for
// none. While thousands of values change at once, the old ones are known beside the new, and
// most changes are of one tag.
func (s *Service) lean(before *Service) {
	if before == nil {
		return
	}
	s.Ports = point(s.Ports, before.Ports)
	s.Tags = pointEach(s.Tags, before.Tags)
	s.Traefik = pointEach(s.Traefik, before.Traefik)
	s.Defines = point(s.Defines, before.Defines)
	s.Nodes = point(s.Nodes, before.Nodes)
	s.Warnings = point(s.Warnings, before.Warnings)
	if maps.Equal(s.Meta, before.Meta) {
		s.Meta = before.Meta
	}
	if reflect.DeepEqual(s.Check, before.Check) {
		s.Check = before.Check
	}
}

// point returns the second of two lists if they are equal, else the first.
func point[S ~[]E, E comparable](have, other S) S {
	if len(have) > 0 && slices.Equal(have, other) {
		return other
	}
	return have
}

// pointEach does so with sorted texts, and with each of them. It may change the first.
func pointEach(have, other []string) []string {
	for i, text := range have {
		if j, known := slices.BinarySearch(other, text); known {
			have[i] = other[j]
		}
	}
	return point(have, other)
}
