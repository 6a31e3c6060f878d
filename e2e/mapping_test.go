package e2e

import (
	"fmt"
	"net"
	"net/http"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/consul/api"

	"github.com/k8s-registrar/k8s-registrar/e2e/consulproc"
)

// web is a Service of both families that asks for much.
const web = `{
    "kind": "Service",
    "apiVersion": "v1",
    "metadata": {"name": "web", "namespace": "shop", "annotations": {
        "tags": "a\\,b,c",
        "traefik.enable": "true",
        "k8s-registrar/name": "storefront",
        "k8s-registrar/tags": "traefik.http.routers.web.tls.domains[0].main=a.example.com,b.example.com\nx,y",
        "k8s-registrar/meta.team": "shop",
        "k8s-registrar/weight": "10",
        "k8s-registrar/weight.warning": "0",
        "k8s-registrar/check.type": "http",
        "k8s-registrar/check.path": "/healthz",
        "k8s-registrar/check.host": "web.example.com",
        "k8s-registrar/check.interval": "1s",
        "k8s-registrar/nodes": %q
    }},
    "spec": {"type": "LoadBalancer", "ipFamilies": ["IPv4", "IPv6"], "ports": [
        {"name": "http", "protocol": "TCP", "port": 80, "nodePort": 30981},
        {"name": "quic", "protocol": "UDP", "port": 443, "nodePort": 30982}]}
}`

// TestConsulTakesAllThatAServiceCanAsk: a real one takes it as it was meant, shows it as it
// was sent, and needs no second write; what is edited by hand is repaired.
func TestConsulTakesAllThatAServiceCanAsk(t *testing.T) {
	t.Parallel()
	r := onOwnNode(t, "mapping", consulproc.Node{Config: map[string]any{
		"node_meta":           map[string]any{"role": "edge"},
		"advertise_addr_ipv6": "fd00::1",
	}})
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", r.node.Address()+":30981")
	must(t, err)
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		if request.Host != "web.example.com" || request.URL.Path != "/healthz" {
			w.WriteHeader(http.StatusNotFound)
		}
	})}
	go server.Serve(listener)                //nolint:errcheck // it ends with the test
	t.Cleanup(func() { _ = server.Close() }) //nolint:errcheck // nothing is left to serve

	r.putValue("shop/web", fmt.Sprintf(web, "role=edge"))
	r.putValue("shop/core", service("shop", "core", 30983, ""))
	r.putValue("kube-system/dash", service("kube-system", "dash", 30984, ""))
	r.start(often, "--services-types=NodePort,LoadBalancer", "--services-ports=all", "--services-name={namespace}-{name}",
		"--services-except-namespaces=kube-*", "--services-tags=static", "--services-meta=cluster=blue", "--services-address=node", "--services-dual-stack")
	r.announces("storefront:30981", "storefront-quic:30982", "shop-core:30983")

	id := "k8s-registrar-mapping.shop.web."
	services, err := r.catalogServices()
	must(t, err)
	got := services[id+"http"]
	if got == nil {
		t.Fatalf("no %shttp among %v", id, services)
	}
	want := &api.AgentService{
		Tags: []string{"a,b", "c", "static", "traefik.enable=true", "traefik.http.routers.web.tls.domains[0].main=a.example.com,b.example.com", "x,y"},
		TaggedAddresses: map[string]api.ServiceAddress{
			"lan_ipv4": {Address: r.node.Address(), Port: 30981}, "wan_ipv4": {Address: r.node.Address(), Port: 30981},
			"lan_ipv6": {Address: "fd00::1", Port: 30981},
		},
		Address: r.node.Address(),
		Weights: api.AgentWeights{Passing: 10, Warning: 0},
	}
	if diff := cmp.Diff(want, &api.AgentService{Tags: got.Tags, TaggedAddresses: got.TaggedAddresses, Address: got.Address, Weights: got.Weights}); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got.Meta["team"] != "shop" || got.Meta["cluster"] != "blue" {
		t.Errorf("meta: %v", got.Meta)
	}
	if tags := services[id+"quic"].Tags; !slices.Equal(tags, []string{"a,b", "c", "static", "traefik.enable=false", "x,y"}) {
		t.Errorf("the other port has the tags %q", tags)
	}
	must(t, r.health(id+"http", api.HealthPassing)) // the first status was asked for, too

	r.ready()
	sent := r.changes()
	r.settled()
	if again := r.changes(); again != sent {
		t.Errorf("%v changes after everything was announced", again-sent)
	}

	must(t, r.local.Agent().ServiceRegisterOpts(&api.AgentServiceRegistration{ID: got.ID, Name: got.Service, Port: got.Port, Tags: got.Tags, Meta: got.Meta},
		api.ServiceRegisterOpts{}.WithContext(t.Context())))
	eventually(t, func() error {
		services, err := r.catalogServices()
		if err != nil {
			return err
		}
		s := services[got.ID]
		if s == nil || s.Address != want.Address || s.Weights != want.Weights || !cmp.Equal(want.TaggedAddresses, s.TaggedAddresses) {
			return fmt.Errorf("not repaired: %+v", s)
		}
		return nil
	})

	r.putValue("shop/web", fmt.Sprintf(web, "role=core"))
	r.announces("shop-core:30983")
}
