package kvschema

import (
	"errors"
	"fmt"
	"unicode/utf8"
)

// decode reads one value. It depends on its arguments only. It returns neither a
// service nor an error for a value that asks for nothing, such as a Service of a type
// that is not announced, and with an error what the value claims all the same.
func decode(rules Rules, ref Ref, value []byte) (*Service, []Claim, error) {
	d := draft{rules: rules, service: Service{Ref: ref, As: rules.as(ref)}}
	wanted, err := d.read(value)
	switch {
	case err != nil:
		return nil, d.service.Claims(), err
	case !wanted:
		return nil, nil, nil
	}
	return &d.service, nil, nil
}

// draft is a Service while it is being read.
type draft struct {
	rules   Rules
	service Service
}

// read tells whether the value asks for anything.
func (d *draft) read(value []byte) (bool, error) {
	ref := d.service.Ref
	if err := checkLabel("namespace", ref.Namespace); err != nil {
		return false, err
	}
	if err := checkLabel("name", ref.Name); err != nil {
		return false, err
	}
	root, err := parse(value)
	if err != nil {
		return false, err
	}
	metadata, err := root.object("metadata")
	if err != nil {
		return false, err
	}
	if err := checkIdentity(root, metadata, ref); err != nil {
		return false, err
	}
	spec, err := root.object("spec")
	if err != nil {
		return false, err
	}
	if kind, err := spec.text("type"); err != nil || !d.rules.announces(kind) {
		return false, err
	}
	if err := d.readPorts(spec); err != nil {
		return false, err
	}
	return true, d.readTags(metadata)
}

// parse reads the outermost object of a value.
func parse(value []byte) (object, error) {
	switch {
	case len(value) == 0:
		return object{}, errors.New("the value is empty: want a Kubernetes Service in JSON, or no key at all")
	case len(value) > MaxValueBytes:
		return object{}, fmt.Errorf("the value has %d bytes: at most %d are read", len(value), MaxValueBytes)
	case !utf8.Valid(value):
		return object{}, errors.New("the value is not valid UTF-8")
	}
	return newObject("", value)
}

// checkIdentity holds the value against its key.
func checkIdentity(root, metadata object, ref Ref) error {
	kind, ok, err := root.optionalText("kind")
	if err != nil {
		return err
	}
	if ok && kind != "Service" {
		return fmt.Errorf("kind is %s: want a Service", quote(kind))
	}
	got, err := metadata.text("name")
	if err != nil {
		return err
	}
	if got != ref.Name {
		return fmt.Errorf("metadata.name is %s but the key says %q: store it under its own key", quote(got), ref.Name)
	}
	got, ok, err = metadata.optionalText("namespace")
	if err != nil {
		return err
	}
	if ok && got != ref.Namespace {
		return fmt.Errorf("metadata.namespace is %s but the key says %q: store it under its own key", quote(got), ref.Namespace)
	}
	return nil
}
