package kvtree

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"time"
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
func newObject(raw json.RawMessage, root parts) (Object, error) {
	metadata := newParts(root["metadata"])
	o := Object{
		Namespace: metadata.text("namespace"),
		Name:      metadata.text("name"),
		Type:      newParts(root["spec"]).text("type"),
		JSON:      raw,
	}
	switch {
	case o.Name == "":
		return o, errors.New("metadata.name is missing")
	case o.Namespace == "":
		return o, fmt.Errorf("metadata.namespace of %q is missing: want Services as the API server has them", o.Name)
	}
	return o, nil
}

// created is when the Service was created, in seconds; 1 if it does not tell.
func (o Object) created() uint64 {
	when, err := time.Parse(time.RFC3339, newParts(newParts(o.JSON)["metadata"]).text("creationTimestamp"))
	if err != nil || when.Unix() < 1 {
		return 1
	}
	return uint64(when.Unix()) //nolint:gosec // it is positive
}

// value is what k8s-deployer would store for it.
func (o Object) value() ([]byte, error) {
	var b bytes.Buffer
	if err := json.Indent(&b, bytes.TrimSpace(o.JSON), "", "    "); err != nil {
		return nil, fmt.Errorf("print it: %w", err)
	}
	return b.Bytes(), nil
}

// parts are the fields of an object. Names are exact, as Kubernetes' are.
type parts map[string]json.RawMessage

// newParts takes an object apart; of anything else there are none.
func newParts(raw json.RawMessage) parts {
	var p parts
	if json.Unmarshal(raw, &p) != nil {
		return nil
	}
	return p
}

// text returns a field that is a text, or "".
func (p parts) text(name string) string {
	var s string
	if json.Unmarshal(p[name], &s) != nil {
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
