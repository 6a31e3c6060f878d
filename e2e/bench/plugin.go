package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// definition is a service in a configuration file of Consul, as the old stack has it:
// without ID and without a check.
type definition struct {
	Name string   `json:"name"`
	Port int      `json:"port"`
	Tags []string `json:"tags,omitempty"`
}

// runPlugin does what the old stack's plugin does: its argument is the whole tree, as JSON
// that holds each value as a text; it prints the file of services. That one was written in
// Python, and takes tens of milliseconds longer to start than this.
func runPlugin(_ context.Context, args []string, stdout io.Writer) error {
	if len(args) != 1 {
		return errors.New("plugin: the tree is missing")
	}
	var tree map[string]map[string]string
	if err := json.Unmarshal([]byte(args[0]), &tree); err != nil {
		return fmt.Errorf("plugin: read tree: %w", err)
	}
	file := struct {
		Services []definition `json:"services"`
	}{[]definition{}}
	for _, namespace := range slices.Sorted(maps.Keys(tree)) {
		for _, name := range slices.Sorted(maps.Keys(tree[namespace])) {
			d, ok, err := define(tree[namespace][name])
			if err != nil {
				return fmt.Errorf("plugin: read %s/%s: %w", namespace, name, err)
			}
			if ok {
				file.Services = append(file.Services, d)
			}
		}
	}
	encoder := json.NewEncoder(stdout)
	encoder.SetIndent("", "  ")
	return encoder.Encode(file)
}

// define returns what a value asks for; nothing unless it is of type NodePort.
func define(value string) (definition, bool, error) {
	var service struct {
		Metadata struct {
			Name        string
			Annotations map[string]string
		}
		Spec struct {
			Type  string
			Ports []struct{ NodePort int }
		}
	}
	if err := json.Unmarshal([]byte(value), &service); err != nil {
		return definition{}, false, err
	}
	if service.Spec.Type != "NodePort" || len(service.Spec.Ports) == 0 {
		return definition{}, false, nil
	}
	d := definition{Name: service.Metadata.Name, Port: service.Spec.Ports[0].NodePort}
	for key, text := range service.Metadata.Annotations {
		switch kind, _, _ := strings.Cut(key, "."); kind {
		case "traefik":
			d.Tags = append(d.Tags, key+"="+text)
		case "tags":
			for tag := range strings.SplitSeq(text, ",") {
				d.Tags = append(d.Tags, strings.TrimSpace(tag))
			}
		}
	}
	slices.Sort(d.Tags)
	return d, true, nil
}
