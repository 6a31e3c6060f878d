package kvschema

import (
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
}

// announces tells whether Services of a type are announced. ExternalName has no ports.
func (r Rules) announces(kind string) bool {
	if len(r.Types) == 0 {
		return kind == "NodePort"
	}
	return kind != "ExternalName" && slices.Contains(r.Types, kind)
}

// as returns the name in Consul, or nothing if it is the Service's own.
func (r Rules) as(ref Ref) string {
	name := strings.NewReplacer("{namespace}", ref.Namespace, "{name}", ref.Name).Replace(r.Name)
	if name == ref.Name {
		return ""
	}
	return name
}
