package consultest_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/consul/api"

	"github.com/k8s-registrar/k8s-registrar/register/consultest"
)

func diff(t *testing.T, want, got any) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
}

func wantError(t *testing.T, err error, want string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("error = %v, want %q", err, want)
	}
}

// wantCode checks for a response with this status code.
func wantCode(t *testing.T, err error, code int) {
	t.Helper()
	var status api.StatusError
	if !errors.As(err, &status) || status.Code != code {
		t.Errorf("error = %v, want code %d", err, code)
	}
}

// web is a service as the registrar would register it.
func web() *api.AgentServiceRegistration {
	return &api.AgentServiceRegistration{
		ID:      "k8s-web",
		Name:    "web",
		Port:    30080,
		Address: "10.0.0.1",
		Tags:    []string{"b", "a"},
		Meta:    map[string]string{"managed-by": "us"},
		Check: &api.AgentServiceCheck{
			Name: "web tcp", TCP: "10.0.0.1:30080", Interval: "10s", Timeout: "2s", Notes: "n1",
		},
	}
}

// with is a registration changed.
func with(r *api.AgentServiceRegistration, change func(*api.AgentServiceRegistration)) *api.AgentServiceRegistration {
	change(r)
	return r
}

func register(t *testing.T, client *api.Client, r *api.AgentServiceRegistration) {
	t.Helper()
	if err := client.Agent().ServiceRegister(r); err != nil {
		t.Fatalf("register %s: %v", r.ID, err)
	}
}

// lines are requests as text.
func lines(requests []consultest.Request) []string {
	var all []string
	for _, r := range requests {
		all = append(all, r.String())
	}
	return all
}
