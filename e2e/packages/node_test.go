package packages

import (
	"fmt"
	"net"
	"strconv"
	"testing"

	"github.com/hashicorp/consul/api"

	"github.com/k8s-registrar/k8s-registrar/e2e/consulproc"
	"github.com/k8s-registrar/k8s-registrar/e2e/rig"
)

// node is a Consul agent with a server, and a tree of three services whose NodePorts are
// open on it. Nobody announces them yet.
type node struct {
	testing.TB
	consul   *consulproc.Process
	local    *api.Client
	tree     rig.Tree
	services []rig.Service
	observer *rig.Observer
}

const keyPath = "kubernetes/blue"

func newNode(t *testing.T) *node {
	t.Helper()
	cluster, err := consulproc.Start(t.Context(), consulproc.Options{Clients: 1})
	must(t, err)
	closing(t, cluster.Stop)
	n := &node{TB: t, consul: cluster.Clients()[0]}
	n.local, err = n.consul.Client("")
	must(t, err)
	server, err := cluster.Servers()[0].Client("")
	must(t, err)
	n.tree = rig.Tree{Client: n.local, KeyPath: keyPath}
	for i := range 3 {
		port := 30080 + i
		_, stop, err := consulproc.Listen(net.JoinHostPort(n.consul.Address(), strconv.Itoa(port)))
		must(t, err)
		closing(t, stop)
		n.services = append(n.services, rig.Service{Namespace: "shop", Name: "web-" + strconv.Itoa(i), Port: port, Tags: []string{"kubernetes"}})
	}
	must(t, n.tree.Put(t.Context(), n.services...))
	n.observer = rig.Observe(t.Context(), []*api.Client{server}, n.consul.Name(), "default")
	n.observer.ExpectServices(n.services...)
	t.Cleanup(n.observer.Stop)
	return n
}

// announced waits until the catalog holds all services, passing, and counts from then on.
func (n *node) announced() {
	n.Helper()
	eventually(n, n.observer.Healthy)
	n.observer.Reset()
}

// neverMissed fails if a service was missing, wrong or not passing since announced.
func (n *node) neverMissed() {
	n.Helper()
	must(n, n.observer.Healthy())
	if r := n.observer.Report(); r.Lost() > 0 || r.Unhealthy > 0 {
		n.Errorf("for %s services were missing or wrong, for %s not passing: %v", r.Lost(), r.Unhealthy, r.Events)
	}
}

// environment says where the node's Consul is, and has telemetry beside it.
func (n *node) environment() []string {
	return []string{"CONSUL_HTTP_ADDR=" + n.consul.HTTPAddr(), "K8S_REGISTRAR_TELEMETRY_LISTEN=" + n.telemetry()}
}

func (n *node) telemetry() string { return net.JoinHostPort(n.consul.Address(), "28600") }

// gone returns no error if none of our services is announced.
func (n *node) gone() error {
	if left, known := n.observer.Present(); !known || len(left) > 0 {
		return fmt.Errorf("%d services are announced (known: %t)", len(left), known)
	}
	return nil
}
