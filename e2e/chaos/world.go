package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/k8s-registrar/k8s-registrar/agent"
	"github.com/k8s-registrar/k8s-registrar/e2e/consulproc"
	"github.com/k8s-registrar/k8s-registrar/e2e/rig"
)

// policyFile is the least privilege that the product documents for its default key path.
const policyFile = "packaging/acl/k8s-registrar.hcl"

// A world is everything that runs, and what is known and expected of it. The driver
// changes it with the mutex held; watchers compare what they saw with it.
type world struct {
	options options
	j       *journal

	cluster  *consulproc.Cluster
	server   *consulproc.Process
	node     *consulproc.Process
	srv, loc *api.Client // of the server and of the local agent, allowed everything
	proxy    *rig.Proxy
	reg      *rig.Registrar
	rules    string // of the registrar's policy
	policy   string // its ID
	token    token
	closers  []func() error

	mu        sync.Mutex
	version   int // rises with every change: what was seen across one proves nothing
	failed    error
	m         *model
	asked     map[string]map[string]bool // everything that an ID was to be since the last quiet point
	foreign   map[string]*api.AgentServiceRegistration
	maint     map[string]bool      // services in maintenance
	nodeOut   bool                 // the node is in maintenance
	must      map[string]bool      // IDs of removals that wait for a human
	mass      []*entry             // the keys of these
	released  map[string]time.Time // by key, until when an approval held that any run may have followed
	approvals map[string]time.Time // by hash, until when they hold
	adopt     map[string]bool      // keys whose registrations are to be taken as they are
	agent     *side
	catalog   *side
	faults    []*fault
	run       life
	repairs   map[string][]time.Time
	wiped     time.Time
	counter   int // of fresh names
	stats     stats
}

// A token is what the registrar has been given.
type token struct {
	secret, accessor string
	secrets          []string // all that ever were: none may be in a log
	rotated          time.Time
}

// A life is one run of the registrar's process.
type life struct {
	number  int
	begun   time.Time
	from    int // where its log begins
	status  agent.Status
	heard   time.Time       // when the status is from; zero for never in this run
	healthy time.Time       // when it last said so
	moved   map[string]bool // IDs that went since their key moved to another
	waited  map[string]bool // keys that wait, and rightly did when they began to
}

// A side is one place where services are seen: the local agent, or the catalog.
type side struct {
	name     string
	services map[string]*api.AgentService
	checks   map[string]*api.HealthCheck // by check ID
	at       time.Time                   // when the last look began
	// dirty IDs may come and go until the next quiet point.
	dirty map[string]bool
	late  map[string]time.Time // since when a wanted ID is not as it should be
}

// stats are the totals beside the operations.
type stats struct {
	quiet    int
	looks    int
	settling []time.Duration // how long each quiet point took
}

func newSide(name string) *side {
	return &side{name: name, dirty: map[string]bool{}, late: map[string]time.Time{}, services: map[string]*api.AgentService{}}
}

// build starts everything. After an error close removes what there is.
func build(ctx context.Context, o options, j *journal) (*world, error) {
	w := &world{
		options: o, j: j, m: newModel(), asked: map[string]map[string]bool{}, foreign: map[string]*api.AgentServiceRegistration{},
		maint: map[string]bool{}, must: map[string]bool{}, adopt: map[string]bool{}, released: map[string]time.Time{}, approvals: map[string]time.Time{}, repairs: map[string][]time.Time{},
		agent: newSide("agent"), catalog: newSide("catalog"),
	}
	rules, err := os.ReadFile(policyFile)
	if err != nil {
		return w, fmt.Errorf("read policy: %w (run it in the root of the repository)", err)
	}
	w.rules = string(rules)
	w.cluster, err = consulproc.Start(ctx, consulproc.Options{
		Binary: o.consul, Clients: 1, DefaultPolicy: "deny",
		Config: map[string]any{"acl": map[string]any{"token_ttl": "1s", "policy_ttl": "1s", "role_ttl": "1s"}},
	})
	if err != nil {
		return w, err
	}
	w.closers = append(w.closers, w.cluster.Stop)
	w.server, w.node = w.cluster.Servers()[0], w.cluster.Clients()[0]
	var errs [2]error
	w.srv, errs[0] = w.server.Client(w.cluster.ManagementToken())
	w.loc, errs[1] = w.node.Client(w.cluster.ManagementToken())
	if err := errors.Join(errs[:]...); err != nil {
		return w, err
	}
	if err := w.openPorts(); err != nil {
		return w, err
	}
	if err := w.plant(ctx); err != nil {
		return w, err
	}
	return w, w.startRegistrar(ctx)
}

// openPorts lets every other NodePort answer.
func (w *world) openPorts() error {
	for port := firstPort; port < firstPort+ports; port++ {
		if open(port) {
			_, stop, err := consulproc.Listen(fmt.Sprintf("%s:%d", w.node.Address(), port))
			if err != nil {
				return err
			}
			w.closers = append(w.closers, stop)
		}
	}
	return nil
}

func (w *world) startRegistrar(ctx context.Context) error {
	policy, _, err := w.srv.ACL().PolicyCreate(&api.ACLPolicy{Name: "registrar", Rules: w.rules}, write(ctx))
	if err != nil {
		return fmt.Errorf("create policy: %w", err)
	}
	w.policy = policy.ID
	if err := w.newToken(ctx); err != nil {
		return err
	}
	if w.proxy, err = rig.NewProxy(w.node.HTTPAddr()); err != nil {
		return err
	}
	w.closers = append(w.closers, w.proxy.Close)
	w.reg, err = rig.NewRegistrar(rig.RegistrarOptions{
		Binary: w.options.registrar, Consul: w.proxy.Address(), KeyPath: "kubernetes", Instance: instance, Token: w.token.secret,
		Flags: []string{
			"--check-interval=2s", "--check-timeout=500ms", "--reconcile-resync=5s", "--reconcile-verify=10s",
			fmt.Sprintf("--guard-min=%d", budget), fmt.Sprintf("--guard-percent=%d", guardPercent),
		},
	})
	if err != nil {
		return err
	}
	w.closers = append(w.closers, w.reg.Close)
	return w.launch()
}

// launch begins a new run of the registrar.
func (w *world) launch() error {
	var from int
	if w.run.number > 0 { // before that there is no log
		from = len(w.reg.Output())
	}
	moved := maps.Clone(w.run.moved) // what had no time to go
	maps.DeleteFunc(moved, func(id string, _ bool) bool { return w.agent.services[id] == nil })
	if moved == nil {
		moved = map[string]bool{}
	}
	w.run = life{number: w.run.number + 1, begun: time.Now(), healthy: time.Now(), from: from, moved: moved}
	return w.reg.Launch()
}

// newToken creates a token with the registrar's policy and remembers it.
func (w *world) newToken(ctx context.Context) error {
	t, _, err := w.srv.ACL().TokenCreate(&api.ACLToken{Policies: []*api.ACLLink{{ID: w.policy}}}, write(ctx))
	if err != nil {
		return fmt.Errorf("create token: %w", err)
	}
	w.token.secret, w.token.accessor = t.SecretID, t.AccessorID
	w.token.secrets = append(w.token.secrets, t.SecretID)
	return nil
}

// close ends everything, the last first.
func (w *world) close() error {
	var errs []error
	for _, end := range slices.Backward(w.closers) {
		errs = append(errs, end())
	}
	return errors.Join(errs...)
}

// fail ends the run; the first reason stays.
func (w *world) fail(format string, args ...any) {
	if w.failed == nil {
		w.failed = fmt.Errorf(format, args...)
		w.j.note("FAILED: %v", w.failed)
	}
}

func (w *world) failure() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.failed
}

func write(ctx context.Context) *api.WriteOptions { return (&api.WriteOptions{}).WithContext(ctx) }
func query(ctx context.Context) *api.QueryOptions { return (&api.QueryOptions{}).WithContext(ctx) }
