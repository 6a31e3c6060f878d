package kvschema

import (
	"path"
	"slices"
	"strings"
)

// Rules are the settings that decide what a key means. They are a plain value, so that
// reading a value depends on the value and on them alone. The zero Rules read the tree
// as the program did that this one replaces.
type Rules struct {
	// Types are the values of spec.type that are announced, of "NodePort" and
	// "LoadBalancer"; none stands for NodePort.
	Types []string
	// Ports are "first" (or empty) for the first port of a Service alone, "all" for
	// each under a name of its own.
	Ports string
	// Name is what Services are called in Consul: a DNS label with the placeholders
	// {namespace} and {name}; empty stands for "{name}".
	Name string
	// Namespaces are those that are announced, * and ? standing for any characters
	// and for one; none stands for all.
	Namespaces []string
	// ExceptNamespaces are those that are not, though Namespaces may name them.
	ExceptNamespaces []string
	// OptIn has only those Services announced that ask for it by an annotation.
	OptIn bool
	// Tags are added to those of every Service.
	Tags []string
	// Meta is added to that of every Service, unless an annotation says otherwise.
	Meta map[string]string
	// Weight is that of a Service without an annotation; 0 stands for 1.
	Weight int
	// Address is what a Service without an annotation is announced at, see [Service].
	Address string
	// DualStack adds the node's addresses of every family that a Service has.
	DualStack bool
}

// announces tells whether Services of a type are announced. An ExternalName has no port
// on any node.
func (r Rules) announces(kind string) bool {
	if len(r.Types) == 0 {
		return kind == "NodePort"
	}
	return kind != "ExternalName" && slices.Contains(r.Types, kind)
}

// covers tells whether the Services of a namespace are announced.
func (r Rules) covers(namespace string) bool {
	matches := func(pattern string) bool {
		matched, err := path.Match(pattern, namespace)
		return matched && err == nil
	}
	allowed := len(r.Namespaces) == 0 || slices.ContainsFunc(r.Namespaces, matches)
	return allowed && !slices.ContainsFunc(r.ExceptNamespaces, matches)
}

// as returns the name in Consul, or nothing if it is the Service's own.
func (r Rules) as(ref Ref) string {
	name := strings.NewReplacer("{namespace}", ref.Namespace, "{name}", ref.Name).Replace(r.Name)
	if name == ref.Name {
		return ""
	}
	return name
}
