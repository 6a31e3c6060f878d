package register_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/k8s-registrar/k8s-registrar/kvschema"
	"github.com/k8s-registrar/k8s-registrar/register"
	"github.com/k8s-registrar/k8s-registrar/register/consultest"
)

// rig is a Consul and our view of its agent, in a bubble.
type rig struct {
	*testing.T
	consul *consultest.Consul
	local  *register.Local
}

func bubble(t *testing.T, test func(*rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		c := consultest.New()
		local := register.NewLocal(c.Client(), owner)
		local.Dial = func(_ context.Context, _, address string) (net.Conn, error) {
			t.Errorf("dialled %s", address)
			return nil, errors.New("no dial is expected")
		}
		test(&rig{t, c, local})
	})
}

// plan compares the services with what the agent holds.
func (r *rig) plan(services ...kvschema.Service) register.Plan {
	r.Helper()
	return register.Diff(desired(r, services...), r.actual())
}

func (r *rig) actual() register.Actual {
	r.Helper()
	a, err := r.local.Actual(r.Context(), register.Desired{})
	if err != nil {
		r.Fatal(err)
	}
	return a
}

// apply makes the services what the agent holds, or tries.
func (r *rig) apply(services ...kvschema.Service) register.Report {
	r.Helper()
	return r.local.Apply(r.Context(), r.plan(services...), nil)
}

// converge is apply, and must work.
func (r *rig) converge(services ...kvschema.Service) {
	r.Helper()
	report := r.apply(services...)
	for _, o := range report.Outcomes {
		if o.Err != nil {
			r.Fatalf("%s: %v", o.Step, o.Err)
		}
	}
	if left := r.plan(services...); !left.Empty() {
		r.Fatalf("not converged: %+v", left)
	}
}

// holds checks what the agent announces, as name:port.
func (r *rig) holds(want ...string) {
	r.Helper()
	var got []string
	for _, s := range r.consul.Services() {
		got = append(got, fmt.Sprintf("%s:%d", s.Service, s.Port))
	}
	equal(r, want, got, sorted)
}

// count counts the requests that start so, such as "GET /v1/status/leader".
func (r *rig) count(start string) int {
	var n int
	for _, request := range r.consul.Requests() {
		if strings.HasPrefix(request.String(), start) {
			n++
		}
	}
	return n
}

const (
	leaderQuestion  = "GET /v1/status/leader"
	registerCall    = "PUT /v1/agent/service/register"
	deregisterCall  = "PUT /v1/agent/service/deregister"
	checkDeregister = "PUT /v1/agent/check/deregister"
)

// took is how long something takes, in the bubble's time.
func took(do func()) time.Duration {
	start := time.Now()
	do()
	return time.Since(start)
}

// writesOf is a fault for the writes that are about these services, such as
// "shop.cart.http".
func writesOf(fault consultest.Fault, ids ...string) func(*http.Request) *consultest.Fault {
	return func(r *http.Request) *consultest.Fault {
		if !slices.Contains(ids, strings.TrimPrefix(subject(r), prefix)) {
			return nil
		}
		return &fault
	}
}

// subject is the ID of the service that a write is about.
func subject(r *http.Request) string {
	if id, ok := strings.CutPrefix(r.URL.Path, "/v1/agent/service/deregister/"); ok {
		return id
	}
	if r.URL.Path != "/v1/agent/service/register" {
		return ""
	}
	body, err := r.GetBody()
	if err != nil {
		panic(err)
	}
	var service struct{ ID string }
	if text, err := io.ReadAll(body); err != nil || json.NewDecoder(bytes.NewReader(text)).Decode(&service) != nil {
		panic("a registration is not JSON")
	}
	return service.ID
}

// said are the outcomes of a plan in words.
func said(report register.Report) []string {
	var all []string
	for _, o := range report.Outcomes {
		line := strings.Replace(o.Step.String(), prefix, "", 1)
		if o.Err != nil {
			line += ": " + cause(o.Err)
		}
		all = append(all, line)
	}
	return all
}

func cause(err error) string {
	status, answered := errors.AsType[api.StatusError](err)
	switch {
	case answered:
		return fmt.Sprint(status.Code)
	case errors.Is(err, register.ErrPostponed):
		return "postponed"
	case strings.Contains(err.Error(), "given up"):
		return "given up"
	case errors.Is(err, context.DeadlineExceeded):
		return "timeout"
	case errors.Is(err, context.Canceled):
		return "canceled"
	case errors.Is(err, io.EOF):
		return "EOF"
	default:
		return err.Error()
	}
}

// many are so many services, a/s000, a/s001 and so on.
func many(n int, changes ...func(*kvschema.Service)) []kvschema.Service {
	var all []kvschema.Service
	for i := range n {
		all = append(all, service(fmt.Sprintf("a/s%03d", i), uint16(30000+i), changes...))
	}
	return all
}

// hang adds a check to a service, as an operator or an older version of us would.
func hang(t tb, c *consultest.Consul, id register.ID, check *api.AgentServiceCheck) {
	t.Helper()
	s := c.Services()[string(id)]
	err := c.Operator().Agent().ServiceRegister(&api.AgentServiceRegistration{
		ID: s.ID, Name: s.Service, Port: s.Port, Tags: s.Tags, Meta: s.Meta, Check: check,
	})
	if err != nil {
		t.Fatalf("hang a check onto %s: %v", id, err)
	}
}

// checkIDs are the checks that the agent holds.
func (r *rig) checkIDs() []string { return slices.Sorted(maps.Keys(r.consul.Checks())) }
