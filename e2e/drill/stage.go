package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/k8s-registrar/k8s-registrar/e2e/consulproc"
	"github.com/k8s-registrar/k8s-registrar/e2e/rig"
)

const (
	// usual is how many services a node has unless the drill says otherwise.
	usual = 20
	// firstPort is the lowest NodePort.
	firstPort = 30000
	namespace = "shop"
	// settleLimit is when a new stage must be whole.
	settleLimit = 90 * time.Second
)

// A setup says what a drill needs. The zero value is a node of its own in the cluster
// that drills share, ACLs off, with the usual services.
type setup struct {
	own      bool           // a cluster of its own
	servers  int            // of an own cluster; 0 means 1
	policy   string         // default ACL policy, "" is off
	config   map[string]any // of an own cluster's agents
	node     consulproc.Node
	services int // 0 is the usual number, less than 0 none
	noToken  bool
	proxied  bool
	often    bool // compare every 2 s instead of every 45 s
	logLevel string
	flags    []string
	// loose leaves the registrar and the observer to the drill.
	loose bool
}

// A stage is where one drill happens.
type stage struct {
	context.Context
	park     *park
	setup    setup
	cluster  *consulproc.Cluster
	node     *consulproc.Process
	server   *api.Client // of the first server, allowed everything
	local    *api.Client // of the node's agent, allowed everything
	proxy    *rig.Proxy
	reg      *rig.Registrar
	tree     rig.Tree
	obs      *rig.Observer
	instance string
	services []rig.Service
	acl      access

	listening map[int]func() error
	ends      []func() error // in the order in which they were begun
	row       row
}

// open builds a stage and returns when all its services are announced and healthy. It
// is returned after an error, too, if there is something to close.
func (p *park) open(ctx context.Context, set setup) (*stage, error) {
	s := &stage{Context: ctx, park: p, setup: set, instance: fmt.Sprintf("d%d", p.count.Add(1)), listening: map[int]func() error{}}
	for _, step := range []func() error{s.openConsul, s.openToken, s.openTree, s.openRegistrar} {
		if err := step(); err != nil {
			return s, fmt.Errorf("prepare: %w", err)
		}
	}
	if set.loose {
		return s, nil
	}
	return s, s.settle(settleLimit)
}

func (s *stage) openConsul() (err error) {
	if s.setup.own {
		if s.cluster, err = s.park.fresh(s, s.setup); err != nil {
			return err
		}
		s.after(s.cluster.Stop)
	} else if s.cluster, err = s.park.cluster(s, s.setup.policy); err != nil {
		return err
	}
	s.park.secret("for management", s.cluster.ManagementToken())
	node := s.setup.node
	node.Name = "node-" + s.instance
	if s.node, err = s.cluster.AddClient(s, node); err != nil {
		return err
	}
	s.after(s.node.Stop)
	if s.server, err = s.cluster.Servers()[0].Client(s.cluster.ManagementToken()); err != nil {
		return err
	}
	s.local, err = s.node.Client(s.cluster.ManagementToken())
	return err
}

func (s *stage) openTree() error {
	s.tree = rig.Tree{Client: s.server, KeyPath: "drill/" + s.instance}
	n := s.setup.services
	if n == 0 {
		n = usual
	}
	for i := range max(0, n) {
		s.services = append(s.services, s.service(i))
	}
	for _, service := range s.services {
		if err := s.listen(service.Port); err != nil {
			return err
		}
	}
	s.after(s.deaf)
	return s.tree.Put(s, s.services...)
}

func (s *stage) openRegistrar() (err error) {
	if s.setup.loose && !s.setup.proxied {
		return nil
	}
	address := s.node.HTTPAddr()
	if s.setup.proxied {
		if s.proxy, err = rig.NewProxy(address); err != nil {
			return err
		}
		s.after(s.proxy.Close)
		address = s.proxy.Address()
	}
	options := s.options()
	options.Consul = address
	if s.reg, err = s.start(options); err != nil {
		return err
	}
	s.obs, err = s.observe(s.node.Name(), s.instance)
	return err
}

// options are those of the stage's registrar: the product's defaults, but for checks that
// are quick enough to wait for.
func (s *stage) options() rig.RegistrarOptions {
	o := rig.RegistrarOptions{
		Binary: s.park.registrar, Consul: s.node.HTTPAddr(), KeyPath: s.tree.KeyPath, Instance: s.instance,
		Token: s.acl.secret, LogLevel: s.setup.logLevel,
		Flags: append([]string{"--check-interval=1s", "--check-timeout=500ms"}, s.setup.flags...),
	}
	if s.setup.often {
		o.Flags = append(o.Flags, "--reconcile-resync=2s")
	}
	return o
}

// start runs a registrar until the end of the drill. All that it writes is searched for
// tokens.
func (s *stage) start(options rig.RegistrarOptions) (*rig.Registrar, error) {
	r, err := s.prepare(options)
	if err != nil {
		return nil, err
	}
	return r, r.Start(s)
}

// prepare makes a registrar that does not run yet.
func (s *stage) prepare(options rig.RegistrarOptions) (*rig.Registrar, error) {
	r, err := rig.NewRegistrar(options)
	if err != nil {
		return nil, err
	}
	s.after(func() error {
		s.park.search("the log of "+options.Instance, r.Output())
		for _, path := range []string{"/status", "/metrics", "/"} {
			if _, body, err := r.Get(context.WithoutCancel(s), path); err == nil {
				s.park.search(path+" of "+options.Instance, string(body))
			}
		}
		err := r.Close()
		for _, bad := range []string{"panic:", "fatal error:", "DATA RACE"} {
			if strings.Contains(r.Output(), bad) {
				err = errors.Join(err, fmt.Errorf("the registrar wrote %q", bad))
			}
		}
		return err
	})
	return r, nil
}

// observe follows a node by all servers.
func (s *stage) observe(node, instance string) (*rig.Observer, error) {
	var servers []*api.Client
	for _, server := range s.cluster.Servers() {
		client, err := server.Client(s.cluster.ManagementToken())
		if err != nil {
			return nil, err
		}
		servers = append(servers, client)
	}
	obs := rig.Observe(s, servers, node, instance)
	s.after(func() error { obs.Stop(); return nil })
	return obs, nil
}

// after does something at the end of the drill, before what was begun earlier.
func (s *stage) after(do func() error) { s.ends = append(s.ends, do) }

func (s *stage) close() error {
	var errs []error
	for _, end := range slices.Backward(s.ends) {
		errs = append(errs, end())
	}
	return errors.Join(errs...)
}

// result sums up the drill.
func (s *stage) result(name string, err error) row {
	r := s.row
	r.name, r.err = name, err
	if s.reg != nil {
		r.logs = s.reg.Logs(60)
	}
	if s.node != nil {
		r.logs += "--- " + s.node.Name() + "\n" + s.node.Logs(60)
	}
	if s.obs == nil {
		return r
	}
	seen := s.obs.Report()
	r.logs += "--- catalog\n" + strings.Join(seen.Events, "\n") + "\n"
	r.lost += seen.Lost()
	for reason, lost := range seen.Excused {
		if lost > 0 {
			r.notes = append(r.notes, fmt.Sprintf("%s service-s: %s", seconds(lost), reason))
		}
	}
	if seen.Unhealthy > time.Second {
		r.notes = append(r.notes, fmt.Sprintf("%s service-s announced but not passing", seconds(seen.Unhealthy)))
	}
	if seen.Unobserved > time.Second {
		r.notes = append(r.notes, fmt.Sprintf("%s in which no server showed the catalog", round(seen.Unobserved)))
	}
	if seen.Lost() > 0 {
		r.notes = append(r.notes, fmt.Sprintf("%d services lost something, see -v", len(seen.LostBy)))
	}
	return r
}
