package kubernetes

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	corev1 "k8s.io/api/core/v1"
)

// former are fields that API servers had once and have no more.
var former = []string{"metadata.clusterName", "metadata.initializers", "spec.ipFamily", "spec.topologyKeys"}

// TestServicesHaveEveryField: the Services whose registration is tested are what an API
// server answers, and together have every field that there is.
func TestServicesHaveEveryField(t *testing.T) {
	paths, err := filepath.Glob("../../register/testdata/services/*.txtar")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no archives: %v", err)
	}
	seen := map[string]bool{}
	for _, path := range paths {
		archive, err := txtar.ParseFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range archive.Files {
			if file.Name == "service" {
				t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) { check(t, file.Data, seen) })
			}
		}
	}
	var missing []string
	for _, field := range append(fieldsOf(reflect.TypeFor[corev1.Service](), ""), former...) {
		if !seen[field] {
			missing = append(missing, field)
		}
	}
	if len(missing) > 0 {
		t.Errorf("no Service has %q", missing)
	}
}

// check notes the fields of one Service, all of which Kubernetes has to know.
func check(t *testing.T, value []byte, seen map[string]bool) {
	var root map[string]any
	if err := json.Unmarshal(value, &root); err != nil {
		t.Fatal(err)
	}
	note(root, "", seen)
	for _, field := range former {
		parent, name, _ := strings.Cut(field, ".")
		delete(root[parent].(map[string]any), name)
	}
	without, err := json.Marshal(root)
	if err != nil {
		t.Fatal(err)
	}
	decoder := json.NewDecoder(bytes.NewReader(without))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&corev1.Service{}); err != nil {
		t.Errorf("an API server does not answer this: %v", err)
	}
}

func note(value any, path string, seen map[string]bool) {
	switch value := value.(type) {
	case map[string]any:
		for name, field := range value {
			at := strings.TrimPrefix(path+"."+name, ".")
			seen[at] = true
			note(field, at, seen)
		}
	case []any:
		for _, item := range value {
			note(item, path, seen)
		}
	}
}

// fieldsOf lists the fields of a type and of those within it.
func fieldsOf(kind reflect.Type, path string) []string {
	for kind.Kind() == reflect.Pointer || kind.Kind() == reflect.Slice {
		kind = kind.Elem()
	}
	_, own := reflect.New(kind).Interface().(json.Unmarshaler) // its fields are not the JSON's
	if kind.Kind() != reflect.Struct || own {
		return nil
	}
	var fields []string
	for field := range kind.Fields() {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if field.Anonymous && name == "" {
			fields = append(fields, fieldsOf(field.Type, path)...)
			continue
		}
		at := strings.TrimPrefix(path+"."+name, ".")
		fields = append(append(fields, at), fieldsOf(field.Type, at)...)
	}
	return fields
}
