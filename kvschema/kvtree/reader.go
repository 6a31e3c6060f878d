package kvtree

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Event is what one Service in the input says.
type Event struct {
	Object
	// Deleted tells that the Service is gone, and Object what it last was.
	Deleted bool
}

// Reader reads what kubectl prints as JSON, one document after the other: Services,
// Lists of them, or the events of kubectl get --watch --output-watch-events. What is
// there of another kind is passed over.
type Reader struct {
	decoder  *json.Decoder
	document int
	// EventsOnly refuses what is no watch event: of a Service that is deleted, kubectl
	// without --output-watch-events prints once more what it last was.
	EventsOnly bool
}

// NewReader returns a Reader of documents that follow each other.
func NewReader(r io.Reader) *Reader { return &Reader{decoder: json.NewDecoder(r)} }

// Next returns the events of the next document. It ends with [io.EOF], and only between
// two documents.
func (r *Reader) Next() ([]Event, error) {
	var document json.RawMessage
	if err := r.decoder.Decode(&document); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, io.EOF
		}
		return nil, fmt.Errorf("read document %d: %w", r.document+1, err)
	}
	r.document++
	events, err := r.events(document)
	if err != nil {
		return nil, fmt.Errorf("read document %d: %w", r.document, err)
	}
	return events, nil
}

// events tells by kind what a document is. Only a watch event has none.
func (r *Reader) events(document json.RawMessage) ([]Event, error) {
	root := newParts(document)
	kind := root.text("kind")
	switch {
	case kind == "" && root["object"] != nil:
		return watchEvent(root)
	case kind == "":
		return nil, errors.New("it is neither a Service, a List of them nor a watch event: want what kubectl get services -o json prints")
	case kind == "Status":
		return nil, fmt.Errorf("the API server says: %s", root.text("message"))
	case r.EventsOnly:
		return nil, fmt.Errorf("it is a %s and no watch event: use kubectl get --watch --output-watch-events", kind)
	case strings.HasSuffix(kind, "List"):
		return list(root, strings.TrimSuffix(kind, "List"))
	default:
		return newEvents(document, root, "", false)
	}
}

// list reads the items of a List, or of a ServiceList, whose items do not say what they are.
func list(root parts, kind string) ([]Event, error) {
	var items []json.RawMessage
	if err := json.Unmarshal(root["items"], &items); err != nil {
		return nil, fmt.Errorf("items is no list: %w", err)
	}
	var all []Event
	for i, item := range items {
		events, err := newEvents(item, newParts(item), kind, false)
		if err != nil {
			return nil, fmt.Errorf("items[%d]: %w", i, err)
		}
		all = append(all, events...)
	}
	return all, nil
}

func watchEvent(root parts) ([]Event, error) {
	raw := root["object"]
	object := newParts(raw)
	switch kind := root.text("type"); kind {
	case "ADDED", "MODIFIED":
		return newEvents(raw, object, "", false)
	case "DELETED":
		return newEvents(raw, object, "", true)
	case "BOOKMARK":
		return nil, nil
	case "ERROR":
		return nil, fmt.Errorf("the API server says: %s", object.text("message"))
	default:
		return nil, fmt.Errorf("a watch event has the type %q: want ADDED, MODIFIED, DELETED, BOOKMARK or ERROR", kind)
	}
}

// newEvents returns the event of one object, given its fields, or none if it is no
// Service; kind is what it is if it does not say so. Others than Kubernetes have Services
// too.
func newEvents(raw json.RawMessage, root parts, kind string, deleted bool) ([]Event, error) {
	kind = cmp.Or(root.text("kind"), kind)
	version := root.text("apiVersion")
	if kind != "Service" || version != "" && version != "v1" {
		return nil, nil
	}
	object, err := newObject(raw, root)
	if err != nil {
		return nil, err
	}
	return []Event{{Object: object, Deleted: deleted}}, nil
}
