package kvtree

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/k8s-registrar/k8s-registrar/kvschema"
)

// Export prints entries as the Kubernetes List that kubectl would have printed. Each
// Service is what was stored, its fields in the same order. What is no JSON object is left
// out and returned as a problem.
func Export(entries []Entry) ([]byte, []kvschema.Problem, error) {
	list := struct {
		APIVersion string            `json:"apiVersion"`
		Items      []json.RawMessage `json:"items"`
		Kind       string            `json:"kind"`
		Metadata   map[string]string `json:"metadata"`
	}{"v1", []json.RawMessage{}, "List", map[string]string{"resourceVersion": ""}}
	var problems []kvschema.Problem
	for _, e := range entries {
		if err := checkExport(e); err != nil {
			problems = append(problems, kvschema.Problem{Ref: e.Ref, Err: err})
			continue
		}
		list.Items = append(list.Items, e.Value)
	}
	var compact, b bytes.Buffer
	encoder := json.NewEncoder(&compact)
	encoder.SetEscapeHTML(false) // else it would change the text of values
	if err := encoder.Encode(list); err != nil {
		return nil, problems, fmt.Errorf("print the list: %w", err)
	}
	if err := json.Indent(&b, compact.Bytes(), "", "    "); err != nil {
		return nil, problems, fmt.Errorf("print the list: %w", err)
	}
	return b.Bytes(), problems, nil
}

// checkExport says why an import of the entry would not lead to the same key.
func checkExport(e Entry) error {
	events, err := newEvents(e.Value, newParts(e.Value), "Service", false)
	switch {
	case !json.Valid(e.Value):
		return errors.New("the value is not JSON")
	case err != nil:
		return err
	case len(events) == 0:
		return errors.New("the value is no Kubernetes Service")
	case events[0].Namespace != e.Namespace || events[0].Name != e.Name:
		return fmt.Errorf("the value is of %s/%s and not what the key says", events[0].Namespace, events[0].Name)
	}
	return nil
}
