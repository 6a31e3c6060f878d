package kvschema

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// readPorts reads the ports that are announced, and those that annotations name. The
// others may hold anything: the program that this one replaces looks at the first alone.
// A LoadBalancer may have no ports on the nodes, and asks for nothing then.
func (d *draft) readPorts(kind string, spec object) (bool, error) {
	list, err := spec.list("ports")
	if err != nil {
		return false, err
	}
	if len(list) == 0 {
		return false, errors.New("spec.ports is empty: a NodePort Service has at least one port")
	}
	ports := portList{list: list}
	chosen, err := d.choosePorts(ports)
	if err != nil {
		return false, err
	}
	if kind == "LoadBalancer" && ports.hidden(chosen[0]) {
		return d.leave("its port is on no node"), nil
	}
	if err := d.takePorts(ports, chosen); err != nil {
		return false, err
	}
	if d.traefikPort != "" {
		if d.service.TraefikPort, err = d.announcedPort(d.traefikPort); err != nil {
			return false, fmt.Errorf("%straefik.port: %w", annotationPrefix, err)
		}
	}
	return true, d.aimCheck(kind, spec, ports)
}

// choosePorts returns the places of the ports that are announced, the one with the plain
// name first.
func (d *draft) choosePorts(ports portList) (chosen []int, err error) {
	var first int
	if d.port != "" {
		if first, err = ports.find(d.port); err != nil {
			return nil, fmt.Errorf("%sport: %w", annotationPrefix, err)
		}
	}
	chosen = []int{first}
	switch which := cmp.Or(d.ports, d.rules.Ports, "first"); which {
	case "first":
	case "all":
		for i := range ports.list {
			if i != first {
				chosen = append(chosen, i)
			}
		}
	default:
		for label := range strings.SplitSeq(which, ",") {
			i, err := ports.find(strings.TrimSpace(label))
			if err != nil {
				return nil, fmt.Errorf("%sports: %w, and want first, all or such names between commas", annotationPrefix, err)
			}
			if !slices.Contains(chosen, i) {
				chosen = append(chosen, i)
			}
		}
	}
	return chosen, nil
}

// takePorts decodes the chosen ports. One whose name in Consul would be no DNS label is
// told of and left out, unless it is the first.
func (d *draft) takePorts(ports portList, chosen []int) error {
	seen := map[string]int{}
	for _, i := range chosen {
		port, err := ports.decode(i)
		if err != nil {
			return err
		}
		if other, taken := seen[port.Label()]; taken {
			return fmt.Errorf("spec.ports[%d] and spec.ports[%d] are both called %q: give each port a name of its own", other, i, port.Label())
		}
		seen[port.Label()] = i
		d.service.Ports = append(d.service.Ports, port)
		last := len(d.service.Ports) - 1
		if err := checkLabel("name in Consul", d.service.NameOf(last)); err != nil {
			if last == 0 {
				return err
			}
			d.service.Ports = d.service.Ports[:last]
			d.service.Warnings = append(d.service.Warnings, fmt.Sprintf("the port %q is not announced: %v", port.Label(), err))
		}
	}
	return nil
}

// announcedPort returns the place of an announced port by its name or number.
func (d *draft) announcedPort(label string) (int, error) {
	for i, port := range d.service.Ports {
		if port.is(label) {
			return i, nil
		}
	}
	return 0, fmt.Errorf("no port %s is announced", quote(label))
}

// aimCheck finds the port that is checked, if that is not the announced one.
//
// With externalTrafficPolicy Local a node drops what comes from outside unless a pod runs
// on it, but not what comes from itself: a check of the NodePort would always pass.
// Kubernetes answers on another port whether there is a pod, for LoadBalancers alone.
func (d *draft) aimCheck(kind string, spec object, ports portList) error {
	check := &d.check
	local := spec.is("externalTrafficPolicy", "Local")
	if kind == "LoadBalancer" && local && d.checkPort == "" && check.Kind == "" {
		port, there, err := spec.optionalPort("healthCheckNodePort")
		if there {
			check.Kind, check.Port, check.Path = "http", port, "/healthz"
		}
		if there || err != nil {
			return err
		}
	}
	if local {
		d.note("externalTrafficPolicy is Local: a node without a pod of it passes the check, which comes from the node itself, and drops what comes from outside")
	}
	if d.checkPort == "" {
		return nil
	}
	return d.aimCheckAt(ports)
}

// aimCheckAt takes the port that an annotation names.
func (d *draft) aimCheckAt(ports portList) error {
	i, err := ports.find(d.checkPort)
	if err != nil {
		return fmt.Errorf("%scheck.port: %w", annotationPrefix, err)
	}
	port, err := ports.decode(i)
	if err != nil {
		return err
	}
	if port.Protocol != "TCP" {
		return fmt.Errorf("%scheck.port: the port %q is %s: only TCP can be checked", annotationPrefix, port.Label(), port.Protocol)
	}
	d.check.Port = port.NodePort
	return nil
}

// portList is spec.ports.
type portList struct{ list []json.RawMessage }

func (p portList) path(i int) string { return fmt.Sprintf("spec.ports[%d].", i) }

// hidden tells that a port is on no node.
func (p portList) hidden(i int) bool {
	port, err := newObject(p.path(i), p.list[i])
	return err == nil && !port.has("nodePort")
}

// find returns the place of the port with this name or, since numbers are names too,
// with this number.
func (p portList) find(label string) (int, error) {
	var labels []string
	for i := range p.list {
		port := p.peek(i)
		if port.is(label) {
			return i, nil
		}
		labels = append(labels, port.Label())
	}
	return 0, fmt.Errorf("there is no port %s: the Service has %s", quote(label), quote(strings.Join(labels, ", ")))
}

// peek reads what a port is called, as far as that can be read.
func (p portList) peek(i int) Port {
	var port Port
	if fields, err := newObject(p.path(i), p.list[i]); err == nil {
		port.Name, _, _ = fields.optionalText("name")
		port.Port, _, _ = fields.optionalPort("port")
	}
	return port
}

func (p portList) decode(i int) (Port, error) { return decodePort(p.path(i), p.list[i]) }

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
