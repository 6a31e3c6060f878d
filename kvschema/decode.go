package kvschema

import (
	"errors"
	"fmt"
	"unicode/utf8"
)

// decode reads one value. It returns nil and no error for one that asks for
// nothing: a Service of another type than NodePort.
func decode(ref Ref, value []byte) (*Service, error) {
	if err := checkLabel("namespace", ref.Namespace); err != nil {
		return nil, err
	}
	if err := checkLabel("name", ref.Name); err != nil {
		return nil, err
	}
	root, err := parse(value)
	if err != nil {
		return nil, err
	}
	metadata, err := root.object("metadata")
	if err != nil {
		return nil, err
	}
	if err := checkIdentity(root, metadata, ref); err != nil {
		return nil, err
	}
	spec, err := root.object("spec")
	if err != nil {
		return nil, err
	}
	if kind, err := spec.text("type"); err != nil || kind != "NodePort" {
		return nil, err
	}
	port, err := decodePort(spec)
	if err != nil {
		return nil, err
	}
	tags, err := decodeTags(metadata)
	if err != nil {
		return nil, err
	}
	return &Service{Ref: ref, Port: port, Tags: tags}, nil
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

// decodePort reads the first port. The others are for a later setting, and the
// program that this one replaces does not look at them.
func decodePort(spec object) (Port, error) {
	ports, err := spec.list("ports")
	if err != nil {
		return Port{}, err
	}
	if len(ports) == 0 {
		return Port{}, errors.New("spec.ports is empty: a NodePort Service has at least one port")
	}
	first, err := newObject("spec.ports[0].", ports[0])
	if err != nil {
		return Port{}, err
	}
	var port Port
	if port.Name, _, err = first.optionalText("name"); err != nil {
		return Port{}, err
	}
	if err = checkLabel("port name", port.Name); err != nil {
		return Port{}, err
	}
	if port.Protocol, err = decodeProtocol(first); err != nil {
		return Port{}, err
	}
	if port.Port, _, err = first.optionalPort("port"); err != nil {
		return Port{}, err
	}
	port.NodePort, err = first.port("nodePort")
	return port, err
}

func decodeProtocol(port object) (string, error) {
	protocol, ok, err := port.optionalText("protocol")
	if err != nil {
		return "", err
	}
	switch {
	case !ok: // Kubernetes' own default
		return "TCP", nil
	case protocol == "TCP" || protocol == "UDP" || protocol == "SCTP":
		return protocol, nil
	default:
		return "", fmt.Errorf("spec.ports[0].protocol is %s: want TCP, UDP or SCTP", quote(protocol))
	}
}
