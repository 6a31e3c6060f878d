package register_test

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/consul/api"

	"github.com/k8s-registrar/k8s-registrar/health"
	"github.com/k8s-registrar/k8s-registrar/kvschema"
	"github.com/k8s-registrar/k8s-registrar/register"
)

// owner is us in all tests, and prefix is what our IDs start with.
var owner = register.Owner{Instance: "default"}

const prefix = "k8s-registrar-default."

var node1 = register.Node{Name: "node-1", Address: netip.MustParseAddr("10.0.0.1")}

// mapping says passing from the start, so that nothing is dialled.
var mapping = register.Mapping{Owner: owner, Health: health.Settings{
	Interval:               10 * time.Second,
	Timeout:                2 * time.Second,
	FailuresBeforeCritical: 2,
	InitialStatus:          api.HealthPassing,
}}

// service is what the tree has at a path such as "shop/cart": TCP on a port called
// http, unless a change says otherwise.
func service(path string, nodePort uint16, changes ...func(*kvschema.Service)) kvschema.Service {
	s := kvschema.Service{
		Ref:   ref(path, 1),
		Ports: []kvschema.Port{{Name: "http", Protocol: "TCP", Port: 80, NodePort: nodePort}},
	}
	for _, change := range changes {
		change(&s)
	}
	return s
}

func ref(path string, createIndex uint64) kvschema.Ref {
	namespace, name, _ := strings.Cut(path, "/")
	return kvschema.Ref{Key: "kubernetes/deployments/" + path, Namespace: namespace, Name: name, CreateIndex: createIndex}
}

func unreadable(path string, createIndex uint64) kvschema.Problem {
	r := ref(path, createIndex)
	return kvschema.Problem{Ref: r, Err: errors.New("unreadable"), Claims: (&kvschema.Service{Ref: r}).Claims()}
}

func createdAt(index uint64) func(*kvschema.Service) {
	return func(s *kvschema.Service) { s.CreateIndex = index }
}

func withTags(tags ...string) func(*kvschema.Service) {
	return func(s *kvschema.Service) { s.Tags = tags }
}

func withPort(name string, port uint16) func(*kvschema.Service) {
	return func(s *kvschema.Service) { s.Ports[0].Name, s.Ports[0].Port = name, port }
}

func withName(name string) func(*kvschema.Service) {
	return func(s *kvschema.Service) { s.As = name }
}

// withSecondPort has a second port of this name, or none.
func withSecondPort(name string) func(*kvschema.Service) {
	return func(s *kvschema.Service) {
		if name != "" {
			s.Ports = append(s.Ports, kvschema.Port{Name: name, Protocol: "TCP", Port: 9000, NodePort: s.Ports[0].NodePort + 1000})
		}
	}
}

func withTraefik(port int, tags ...string) func(*kvschema.Service) {
	return func(s *kvschema.Service) { s.TraefikPort, s.Traefik = port, tags }
}

func withProtocol(protocol string) func(*kvschema.Service) {
	return func(s *kvschema.Service) { s.Ports[0].Protocol = protocol }
}

func withCheck(change func(*kvschema.Check)) func(*kvschema.Service) {
	return func(s *kvschema.Service) {
		s.Check = &kvschema.Check{}
		change(s.Check)
	}
}

// treeOf is a tree without problems.
func treeOf(services ...kvschema.Service) kvschema.Tree {
	var tree kvschema.Tree
	for _, s := range services {
		tree.Services = append(tree.Services, &s)
	}
	return tree
}

// desired maps services that have no problems.
func desired(t tb, services ...kvschema.Service) register.Desired {
	t.Helper()
	d, problems := mapping.Desired(treeOf(services...), node1)
	if len(problems) > 0 {
		t.Fatalf("problems: %v", problems)
	}
	return d
}

// idOf is the ID of a service's first port.
func idOf(s kvschema.Service) register.ID { return owner.ID(s.Ref, s.Ports[0]) }

// registration maps one service.
func registration(t tb, s kvschema.Service) register.Registration {
	t.Helper()
	return desired(t, s).Want[idOf(s)]
}

// shown is what the agent shows of a registration that nobody has touched since. Its
// maps are its own.
func shown(r register.Registration) register.Registered {
	have := register.Registered{
		ID:      r.ID,
		Name:    r.Name,
		Address: r.Address,
		Port:    r.Port,
		Tags:    append([]string{}, r.Tags...),
		Meta:    r.Meta,
		Weights: api.AgentWeights{Passing: 1, Warning: 1},
	}
	if c := r.Check; c != nil {
		have.Checks = have.Checks.With(register.Check{ID: c.ID(), Name: health.Name, Notes: c.Notes(), Type: "tcp", Status: api.HealthPassing})
	}
	return have
}

// actual is an agent that holds these and nothing else that concerns us.
func actual(ours ...register.Registered) register.Actual {
	a := register.Actual{Ours: map[register.ID]*register.Registered{}}
	for _, have := range ours {
		a.Ours[have.ID] = &have
	}
	return a
}

// lines are the steps of a plan, without the common prefix of the IDs.
func lines(steps []*register.Step) []string {
	var all []string
	for _, step := range steps {
		all = append(all, strings.Replace(step.String(), prefix, "", 1))
	}
	return all
}

// tb is what [testing.T] and rapid.T have in common.
type tb interface {
	Helper()
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
}

var _ tb = (*testing.T)(nil)

// shownChecks compares checks as they are shown, however they are held.
var shownChecks = cmp.Transformer("All", register.Checks.All)

func equal(t tb, want, got any, options ...cmp.Option) {
	t.Helper()
	if d := cmp.Diff(want, got, append(options, shownChecks)...); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
}
