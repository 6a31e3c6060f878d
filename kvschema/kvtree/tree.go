package kvtree

import (
	"cmp"
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/k8s-registrar/k8s-registrar/kvschema"
)

// Entry is one Service's key.
type Entry struct {
	kvschema.Ref
	// ModifyIndex is that of the key.
	ModifyIndex uint64
	// Value is what is stored.
	Value []byte
}

// Removal is what takes the key out of the tree.
func (e Entry) Removal() Change {
	return Change{Action: Remove, Ref: e.Ref, Index: e.ModifyIndex}
}

// Type is the spec.type of the Service, or "" if that cannot be read.
func (e Entry) Type() string { return newParts(newParts(e.Value)["spec"]).text("type") }

// Ports are the ports of the Service as kubectl shows them, such as "80:30080/TCP".
func (e Entry) Ports() []string {
	var ports []struct {
		Port     int
		NodePort int
		Protocol string
	}
	if json.Unmarshal(newParts(newParts(e.Value)["spec"])["ports"], &ports) != nil {
		return nil
	}
	var shown []string
	for _, p := range ports {
		text := strconv.Itoa(p.Port)
		if p.NodePort != 0 {
			text += ":" + strconv.Itoa(p.NodePort)
		}
		shown = append(shown, text+"/"+cmp.Or(p.Protocol, "TCP"))
	}
	return shown
}

// Entries returns the Services' keys of the namespaces, or of all if none is given,
// sorted by namespace and name.
func Entries(prefix string, pairs []kvschema.Pair, namespaces []string) []Entry {
	var entries []Entry
	for _, pair := range pairs {
		if ref, ours := kvschema.RefOf(prefix, pair); ours && inScope(ref.Namespace, namespaces) {
			entries = append(entries, Entry{Ref: ref, ModifyIndex: pair.ModifyIndex, Value: pair.Value})
		}
	}
	slices.SortFunc(entries, func(a, b Entry) int {
		return cmp.Or(strings.Compare(a.Namespace, b.Namespace), strings.Compare(a.Name, b.Name))
	})
	return entries
}

func inScope(namespace string, namespaces []string) bool {
	return len(namespaces) == 0 || slices.Contains(namespaces, namespace)
}
