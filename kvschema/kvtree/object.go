package kvtree

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
)

// Object is one Kubernetes Service as it came.
type Object struct {
	Namespace, Name string
	// Type is spec.type, such as "NodePort".
	Type string
	// JSON is the whole Service.
	JSON json.RawMessage
}

// newObject reads what a Service is called. One without a name or a namespace has no key.
func newObject(raw json.RawMessage) (Object, error) {
	o := Object{
		Namespace: text(raw, "metadata", "namespace"),
		Name:      text(raw, "metadata", "name"),
		Type:      text(raw, "spec", "type"),
		JSON:      raw,
	}
	switch {
	case o.Name == "":
		return o, fmt.Errorf("metadata.name is missing")
	case o.Namespace == "":
		return o, fmt.Errorf("metadata.namespace of %q is missing: want Services as the API server has them", o.Name)
	}
	return o, nil
}

// value is what k8s-deployer would store for it.
func (o Object) value() ([]byte, error) {
	var b bytes.Buffer
	if err := json.Indent(&b, bytes.TrimSpace(o.JSON), "", "    "); err != nil {
		return nil, fmt.Errorf("print it: %w", err)
	}
	return b.Bytes(), nil
}

// dig returns the field at a path, or nil. Names are exact, as Kubernetes' are.
func dig(raw json.RawMessage, path ...string) json.RawMessage {
	for _, name := range path {
		var fields map[string]json.RawMessage
		if json.Unmarshal(raw, &fields) != nil {
			return nil
		}
		raw = fields[name]
	}
	return raw
}

// text returns the text at a path, or "".
func text(raw json.RawMessage, path ...string) string {
	var s string
	if json.Unmarshal(dig(raw, path...), &s) != nil {
		return ""
	}
	return s
}

// volatile are the fields of metadata that change although the Service does not.
func volatile() []string {
	return []string{"resourceVersion", "generation", "managedFields", "selfLink"}
}

// differences names the fields in which two values differ: those of metadata and spec
// one by one, the others as a whole. None means that they say the same.
func differences(before, after []byte) []string {
	a, okA := fields(before)
	b, okB := fields(after)
	if !okA || !okB {
		return []string{"the whole value"}
	}
	var changed []string
	for _, name := range union(a, b) {
		if !reflect.DeepEqual(a[name], b[name]) {
			changed = append(changed, name)
		}
	}
	return changed
}

// fields takes a value apart, without what is volatile.
func fields(value []byte) (map[string]any, bool) {
	decoder := json.NewDecoder(bytes.NewReader(value))
	decoder.UseNumber() // a float would take two large numbers for one
	var root map[string]any
	if decoder.Decode(&root) != nil || decoder.More() {
		return nil, false
	}
	all := map[string]any{}
	for name, v := range root {
		parts, isObject := v.(map[string]any)
		if !isObject || name != "metadata" && name != "spec" {
			all[name] = v
			continue
		}
		for part, v := range parts {
			if name != "metadata" || !slices.Contains(volatile(), part) {
				all[name+"."+part] = v
			}
		}
	}
	return all, true
}

// union returns the keys of both, sorted.
func union(a, b map[string]any) []string {
	both := maps.Clone(a)
	maps.Copy(both, b)
	return slices.Sorted(maps.Keys(both))
}
