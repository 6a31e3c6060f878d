package takeover

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Old is a service as the file announces it.
type Old struct {
	// ID is unique on a Consul agent; where the file gives none it is the name.
	ID   string
	Name string
	Port int
	// Address is empty for the node's own.
	Address string
	Tags    []string
}

// String is the service as name:port.
func (o Old) String() string { return fmt.Sprintf("%s:%d", o.Name, o.Port) }

// Parse reads a file of service definitions as consul-template renders it from
// k8s-deployer's plugin, {"services": [{"name", "port", "tags"}]}, sorted by ID. Of two
// services with one ID Consul holds the last. A file that holds anything else is an
// error: retiring it would take that away too.
func Parse(text []byte) ([]Old, error) {
	if len(bytes.TrimSpace(text)) == 0 {
		return nil, nil // what the plugin prints for an empty tree
	}
	var file map[string]json.RawMessage
	if err := json.Unmarshal(text, &file); err != nil {
		return nil, fmt.Errorf("want JSON with service definitions: %w", err)
	}
	var all []Old
	for _, key := range slices.Sorted(maps.Keys(file)) {
		var err error
		switch strings.ToLower(key) {
		case "services":
			var some []Old
			err = json.Unmarshal(file[key], &some)
			all = append(all, some...)
		case "service":
			var one Old
			err = json.Unmarshal(file[key], &one)
			all = append(all, one)
		default:
			return nil, fmt.Errorf("it holds %q besides services, which would go with it: move that to another file first", key)
		}
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", key, err)
		}
	}
	return unique(all)
}

func unique(all []Old) ([]Old, error) {
	byID := map[string]Old{}
	for _, o := range all {
		if o.Name == "" {
			return nil, errors.New("a service has no name")
		}
		if o.ID == "" {
			o.ID = o.Name
		}
		byID[o.ID] = o
	}
	var sorted []Old
	for _, id := range slices.Sorted(maps.Keys(byID)) {
		sorted = append(sorted, byID[id])
	}
	return sorted, nil
}
