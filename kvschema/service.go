package kvschema

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strconv"

	"github.com/k8s-registrar/k8s-registrar/kvschema/traefik"
)

// MaxValueBytes is the largest value that is read, in bytes. Consul itself
// stores up to 512 KiB; a Service as the API server prints it has 1 to 10 KiB, and
// Kubernetes caps all annotations of one object at 256 KiB.
const MaxValueBytes = 256 << 10

// MaxTagBytes is the most that all tags of one service may hold together, in
// bytes. Consul has no limit of its own, and every reader of the catalog gets
// every tag of every instance.
const MaxTagBytes = 64 << 10

// Pair is one entry of Consul's key/value store.
type Pair struct {
	// Key is the whole key, such as "kubernetes/deployments/shop/cart".
	Key string
	// Value is what is stored, nil for a folder key.
	Value []byte
	// CreateIndex is the raft index at which the key was created. Of two Services
	// that claim one name the older key wins, on every node alike.
	CreateIndex uint64
	// ModifyIndex is the raft index of the last change of the key.
	ModifyIndex uint64
}

// Ref says which Service a key stands for.
type Ref struct {
	// Key is the whole KV key.
	Key string
	// Namespace and Name are the key's last two parts.
	Namespace, Name string
	// CreateIndex is that of the key.
	CreateIndex uint64
}

// Older orders keys by who holds a name that both claim: the older key, and
// between equals the smaller one. It depends on the tree only, so that every node
// decides alike.
func Older(a, b Ref) int {
	return cmp.Or(cmp.Compare(a.CreateIndex, b.CreateIndex), cmp.Compare(a.Key, b.Key))
}

// Service is one Kubernetes Service that has ports on the nodes.
type Service struct {
	Ref
	// As is what it is called in Consul; empty for Name.
	As string
	// Ports are those that are announced, at least one. The first carries the plain
	// name.
	Ports []Port
	// Tags are those of every port: sorted, unique and not empty.
	Tags []string
	// Traefik are the tags that Traefik makes routers and services of, sorted and
	// unique. Two services of Consul with the same ones would make Traefik delete the
	// router, so they go to one port only.
	Traefik []string
	// Defines are the claims on what those tags define for all of Traefik.
	Defines []Claim
	// TraefikPort is the place of that port among Ports.
	TraefikPort int
	// Hidden tells that Traefik would make up routes for the other ports, which nobody
	// asked for, and is told not to.
	Hidden bool
	// DualStack adds the node's addresses of all Families.
	DualStack bool
	// Families are those that the Service says; none if it does not.
	Families Families
	// Address is an IP address, "node" for that of the node, or empty for none: readers
	// then take the one that Consul has for the node.
	Address string
	// Meta is what the Service adds to the meta of what is registered.
	Meta map[string]string
	// Weights are 0 for Consul's own.
	Weights Weights
	// Nodes are where it is announced.
	Nodes Selector
	// Copies is how many of those nodes announce it: 0 for all of them, nil for as many as
	// is configured.
	Copies *int
	// Check is how it wants to be checked; nil for as configured, which most do.
	Check *Check
	// Warnings say what about it is not as somebody may have meant it. It is announced
	// all the same.
	Warnings []string
}

// Weights are a Service's share of the answers of Consul's DNS, while it is passing and
// while it is warning.
type Weights struct{ Passing, Warning int }

// Families are families of IP addresses.
type Families struct{ IPv4, IPv6 bool }

// LeaveOut tells whether an address is of another family than they are. None leave out no
// address.
func (f Families) LeaveOut(address netip.Addr) bool {
	if address.Is4() {
		return f.IPv6 && !f.IPv4
	}
	return f.IPv4 && !f.IPv6
}

// NameOf returns what one of the ports is called in Consul, by its place among Ports:
// the first has the plain name, any other the port's name behind it.
func (s *Service) NameOf(port int) string {
	name := cmp.Or(s.As, s.Name)
	if port == 0 {
		return name
	}
	return name + "-" + s.Ports[port].Label()
}

// TagsOf returns the tags of one of the ports, by its place among Ports: sorted, unique
// and not empty.
func (s *Service) TagsOf(port int) []string {
	switch {
	case port == s.TraefikPort && len(s.Traefik) > 0:
		return set(slices.Concat(s.Tags, s.Traefik))
	case port != s.TraefikPort && s.Hidden:
		return set(append(slices.Clone(s.Tags), traefik.Disabled))
	default:
		return s.Tags
	}
}

// Port is a port of a Service that kube-proxy opens on every node.
type Port struct {
	// Name is the port's name; empty if the Service does not name it.
	Name string
	// Protocol is "TCP", "UDP" or "SCTP".
	Protocol string
	// Port is the port inside the cluster, 0 if the Service does not tell.
	Port uint16
	// NodePort is the port on every node, never 0.
	NodePort uint16
}

// is tells whether the port has this name or number.
func (p Port) is(label string) bool {
	return p.Name != "" && p.Name == label || p.Port != 0 && strconv.Itoa(int(p.Port)) == label
}

// Label tells a port from the others of its Service: its name, or else its number
// inside the cluster.
func (p Port) Label() string { return cmp.Or(p.Name, strconv.Itoa(int(p.Port))) }

// Problem is a key whose value cannot be read as a Service, or not announced as it is.
type Problem struct {
	Ref
	Err error
	// Claims are what the value claims as far as it could be read; never none.
	Claims []Claim
	// Warning tells that the key is announced all the same.
	Warning bool
}

// Error says which key and what is wrong with it.
func (p Problem) Error() string { return fmt.Sprintf("read %s: %v", p.Key, p.Err) }

// Unwrap returns the cause.
func (p Problem) Unwrap() error { return p.Err }

// Tree is what one state of the KV tree asks for.
type Tree struct {
	// Services are sorted by key. Those of readings are the readings' own, and are not to be
	// changed.
	Services []*Service
	// Problems are the keys that could not be read, sorted by key. If an earlier
	// value of such a key was good, that reading is still among Services.
	Problems []Problem
}
