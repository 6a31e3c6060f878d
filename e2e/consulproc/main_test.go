package consulproc

import (
	"fmt"
	"testing"
	"time"

	"github.com/hashicorp/consul/api"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// start starts a cluster that ends with the test.
func start(t *testing.T, options Options) *Cluster {
	t.Helper()
	begin := time.Now()
	cluster, err := Start(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("started in %v", time.Since(begin).Round(time.Millisecond))
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(cluster.Logs(20))
		}
		must(t, cluster.Stop())
	})
	return cluster
}

// must ends the test if there is an error.
func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// eventually tries until it succeeds, at most half a minute.
func eventually(t *testing.T, try func() error) {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for {
		err := try()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// client returns a client of p.
func client(t *testing.T, p *Process, token string) *api.Client {
	t.Helper()
	c, err := p.Client(token)
	must(t, err)
	return c
}

// register registers a service on p.
func register(t *testing.T, p *Process, token, id string) {
	t.Helper()
	must(t, client(t, p, token).Agent().ServiceRegister(&api.AgentServiceRegistration{ID: id, Name: id, Port: 30080}))
}

// inCatalog returns nil if server's catalog has the service just on the nodes named.
func inCatalog(server *Process, token, service string, nodes ...string) error {
	c, err := server.Client(token)
	if err != nil {
		return err
	}
	instances, _, err := c.Catalog().Service(service, "", nil)
	if err != nil {
		return err
	}
	var got []string
	for _, instance := range instances {
		got = append(got, instance.Node)
	}
	if fmt.Sprint(got) != fmt.Sprint(nodes) {
		return fmt.Errorf("catalog: service %s on %v, want %v", service, got, nodes)
	}
	return nil
}

// services returns how many services the agent has.
func services(t *testing.T, p *Process) int {
	t.Helper()
	all, err := client(t, p, "").Agent().Services()
	must(t, err)
	return len(all)
}
