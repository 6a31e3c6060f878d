package register

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"

	"github.com/k8s-registrar/k8s-registrar/kvschema"
)

// Node is what has to be known of this node.
type Node struct {
	// Name is the node's name in Consul.
	Name string
	// UID is Consul's own ID of the node; empty if it does not tell.
	UID string
	// Address is where the node's NodePorts are checked.
	Address netip.Addr
	// IPv4 and IPv6 are its addresses by family; invalid if it has none or it is not
	// known.
	IPv4, IPv6 netip.Addr
	// Meta is what Consul has in the node's meta; nil if it is not known.
	Meta map[string]string
}

// errNowhere means that nothing can be done that needs the node's address.
var errNowhere = errors.New("the node's address is not known: no check can be made")

// At returns the same node at another address.
func (n Node) At(address netip.Addr) Node {
	n.Address = address
	if address.Is4() {
		n.IPv4 = address
	} else {
		n.IPv6 = address
	}
	return n
}

// On returns the same node at the addresses of one of its network interfaces: the first
// IPv4 and the first IPv6 address that others can reach. IPv4 is the one that is checked,
// if there is one.
func (n Node) On(name string) (Node, error) {
	device, err := net.InterfaceByName(name)
	if err != nil {
		return n, fmt.Errorf("read addresses of interface %q: %w", name, err)
	}
	addresses, err := device.Addrs()
	if err != nil {
		return n, fmt.Errorf("read addresses of interface %q: %w", name, err)
	}
	n.Address, n.IPv4, n.IPv6 = netip.Addr{}, netip.Addr{}, netip.Addr{}
	slices.Reverse(addresses) // the last one that is taken stays
	for _, address := range addresses {
		if prefix, err := netip.ParsePrefix(address.String()); err == nil && !prefix.Addr().IsLinkLocalUnicast() {
			n = n.At(prefix.Addr())
		}
	}
	if n.IPv4.IsValid() {
		n.Address = n.IPv4
	}
	if !n.Address.IsValid() {
		return n, fmt.Errorf("read addresses of interface %q: it has none that others can reach", name)
	}
	return n, nil
}

// address returns where a Service of these IP families answers on the node: at the
// node's address, unless the Service is of the other family alone.
func (n Node) address(families kvschema.Families) (netip.Addr, error) {
	address := n.Address
	switch {
	case !families.LeaveOut(address):
	case families.IPv4 && n.IPv4.IsValid():
		address = n.IPv4
	case families.IPv6 && n.IPv6.IsValid():
		address = n.IPv6
	}
	if !address.IsValid() {
		return address, errNowhere
	}
	return address, nil
}
