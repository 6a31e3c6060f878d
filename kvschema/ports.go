package kvschema

import (
	"encoding/json"
	"errors"
	"fmt"
)

// readPorts reads the ports that are announced. The others may hold anything: the
// program that this one replaces looks at the first alone.
func (d *draft) readPorts(spec object) error {
	list, err := spec.list("ports")
	if err != nil {
		return err
	}
	if len(list) == 0 {
		return errors.New("spec.ports is empty: a NodePort Service has at least one port")
	}
	if d.rules.Ports != "all" {
		list = list[:1]
	}
	seen := map[string]int{}
	for i, raw := range list {
		port, err := decodePort(fmt.Sprintf("spec.ports[%d].", i), raw)
		if err != nil {
			return err
		}
		if other, taken := seen[port.Label()]; taken {
			return fmt.Errorf("spec.ports[%d] and spec.ports[%d] are both called %q: give each port a name of its own", other, i, port.Label())
		}
		seen[port.Label()] = i
		d.service.Ports = append(d.service.Ports, port)
	}
	return nil
}

func decodePort(path string, raw json.RawMessage) (Port, error) {
	fields, err := newObject(path, raw)
	if err != nil {
		return Port{}, err
	}
	var port Port
	if port.Name, _, err = fields.optionalText("name"); err != nil {
		return Port{}, err
	}
	if err = checkLabel("port name", port.Name); err != nil {
		return Port{}, err
	}
	if port.Protocol, err = decodeProtocol(fields); err != nil {
		return Port{}, err
	}
	if port.Port, _, err = fields.optionalPort("port"); err != nil {
		return Port{}, err
	}
	port.NodePort, err = fields.port("nodePort")
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
		return "", fmt.Errorf("%s is %s: want TCP, UDP or SCTP", place(port.path+"protocol"), quote(protocol))
	}
}
