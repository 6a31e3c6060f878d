package e2e

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/consul/api"

	"github.com/k8s-registrar/k8s-registrar/e2e/consulproc"
)

// echoserver is the customer's sample as the API server answers it.
const echoserver = `{
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {
        "annotations": {
            "tags": "kubernetes,k8s,red",
            "traefik.backend.loadbalancer": "wrr",
            "traefik.enable": "true",
            "traefik.frontend.entryPoints": "http,https",
            "traefik.frontend.rule": "Host:echoserver.example.com,echo.example.com;Method:GET,POST",
            "traefik.tags": "kubernetes"
        },
        "creationTimestamp": "2017-05-17T13:11:24Z",
        "labels": {
            "app": "echoserver"
        },
        "name": "echoserver",
        "namespace": "default",
        "resourceVersion": "5174316",
        "selfLink": "/api/v1/namespaces/default/services/echoserver",
        "uid": "b9b6f0a9-3b01-11e7-8c3f-005056b6e0a1"
    },
    "spec": {
        "clusterIP": "10.254.20.18",
        "ports": [
            {
                "name": "http",
                "nodePort": 30301,
                "port": 8080,
                "protocol": "TCP",
                "targetPort": 8080
            }
        ],
        "selector": {
            "app": "echoserver"
        },
        "sessionAffinity": "None",
        "type": "NodePort"
    },
    "status": {
        "loadBalancer": {}
    }
}`

// What readers of the catalog depend on: name, port, tags, no address of its own.
func TestEchoserverIsAnnouncedAsBefore(t *testing.T) {
	t.Parallel()
	r := onSharedNode(t, "echo")
	r.putValue("default/echoserver", echoserver)
	r.start()
	r.announces("echoserver:30301")
	r.ready()

	services, err := r.catalogServices()
	must(t, err)
	got := services["k8s-registrar-"+r.instance+".default.echoserver.http"]
	if got == nil {
		t.Fatalf("the catalog has %v", services)
	}
	want := []string{
		"k8s",
		"kubernetes",
		"red",
		"traefik.backend.loadbalancer=wrr",
		"traefik.enable=true",
		"traefik.frontend.entryPoints=http,https",
		"traefik.frontend.rule=Host:echoserver.example.com,echo.example.com;Method:GET,POST",
		"traefik.tags=kubernetes",
	}
	if diff := cmp.Diff(want, []string(got.Tags)); diff != "" {
		t.Errorf("tags (-want +got):\n%s", diff)
	}
	if got.Address != "" || got.Meta["external-source"] != "kubernetes" || got.Meta["external-k8s-ns"] != "default" {
		t.Errorf("address %q, meta %v", got.Address, got.Meta)
	}
}

func TestServiceComesChangesAndGoes(t *testing.T) {
	t.Parallel()
	r := onSharedNode(t, "change")
	r.start()
	r.ready()
	r.put("cart", 30302, "red,blue")
	r.announces("cart:30302")
	before := r.footprints()[r.id("cart")]

	r.put("cart", 30302, "red")
	eventually(t, func() error { return r.tagged("cart", "red") })
	r.put("cart", 30303, "red")
	r.announces("cart:30303")
	if after := r.footprints()[r.id("cart")]; after.Create != before.Create {
		t.Errorf("changes made another service: created at %d, then at %d", before.Create, after.Create)
	}

	r.put("web", 30304, "")
	r.announces("cart:30303", "web:30304")
	r.remove("cart")
	r.announces("web:30304")
	r.remove("web") // the tree does not exist any more
	r.announces()
	eventually(t, func() error { return r.checkGone("cart") })
	r.ready()
}

// tagged returns nil if the catalog shows exactly these tags.
func (r *rig) tagged(service string, want ...string) error {
	services, err := r.catalogServices()
	if err != nil {
		return err
	}
	s := services[r.id(service)]
	if s == nil {
		return fmt.Errorf("%s is not in the catalog", service)
	}
	if diff := cmp.Diff(want, []string(s.Tags)); diff != "" {
		return fmt.Errorf("tags of %s (-want +got):\n%s", service, diff)
	}
	return nil
}

// checkGone returns nil if no check of the service is left on the agent.
func (r *rig) checkGone(service string) error {
	checks, err := r.local.Agent().ChecksWithFilterOpts(fmt.Sprintf("ServiceID == %q", r.id(service)), r.query())
	if err == nil && len(checks) > 0 {
		err = errors.New("a check is left of " + service)
	}
	return err
}

// The check dials the NodePort on the node's own address.
func TestCheckFollowsTheNodePort(t *testing.T) {
	t.Parallel()
	r := onSharedNode(t, "check")
	address := fmt.Sprintf("%s:%d", r.node.Address(), 30305)
	_, closePort, err := consulproc.Listen(address)
	must(t, err)
	r.put("alive", 30305, "")
	r.put("dead", 30306, "")
	r.start()
	r.announces("alive:30305", "dead:30306")
	// Each begins with the truth: a dead one is not announced as healthy first.
	must(t, r.health(r.id("alive"), api.HealthPassing))
	must(t, r.health(r.id("dead"), api.HealthCritical))

	must(t, closePort())
	eventually(t, func() error { return r.health(r.id("alive"), api.HealthCritical) })
	_, closePort, err = consulproc.Listen(address)
	must(t, err)
	t.Cleanup(func() { must(t, closePort()) })
	eventually(t, func() error { return r.health(r.id("alive"), api.HealthPassing) })
	must(t, r.health(r.id("dead"), api.HealthCritical))
	r.ready()
}

// What is edited by hand comes back long before the next comparison is due.
func TestDriftIsRepaired(t *testing.T) {
	t.Parallel()
	r := onSharedNode(t, "drift")
	want := r.fill(3)
	r.start()
	r.announces(want...)
	r.ready()
	must(t, r.local.Agent().ServiceDeregisterOpts(r.id("s001"), r.query()))
	took := eventually(t, func() error { return r.holds(want...) })
	t.Logf("a service that was deregistered by hand was back after %v", took)
}
