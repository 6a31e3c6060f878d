package agent

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/consul/api"

	"github.com/k8s-registrar/k8s-registrar/config"
	"github.com/k8s-registrar/k8s-registrar/register"
	"github.com/k8s-registrar/k8s-registrar/register/consultest"
	"github.com/k8s-registrar/k8s-registrar/register/spread"
)

// others is a fleet around the node of a rig: what the servers have of it.
type others struct {
	*rig
	daemons map[string]string   // by node: a check's status, or what else is the matter
	passing map[string][]string // by service: the nodes on which it is passing
}

// spreading starts an agent with two copies of everything, in a fleet of these nodes and
// itself.
func spreading(t *testing.T, c *consultest.Consul, services int, nodes ...string) *others {
	t.Helper()
	o := &others{daemons: map[string]string{consultest.NodeName: ""}, passing: map[string][]string{}}
	for _, node := range nodes {
		o.daemons[node] = ""
	}
	fill(c, services)
	o.rig = &rig{T: t, consul: c}
	o.tell()
	o.rig = start(t, c, spreadOut)
	return o
}

func spreadOut(cfg *config.Config) {
	cfg.Spread.Copies, cfg.Telemetry.Announce = 2, "k8s-registrar"
}

// tell lets the servers know how the fleet is.
func (o *others) tell() {
	var all []*api.ServiceEntry
	for node, state := range o.daemons {
		entry := &api.ServiceEntry{
			Node:    &api.Node{Node: node},
			Service: &api.AgentService{ID: selfID, Service: "k8s-registrar", Meta: map[string]string{}},
			Checks:  api.HealthChecks{{CheckID: "serfHealth", Status: api.HealthPassing}, {CheckID: "alive", ServiceID: selfID, Status: api.HealthPassing}},
		}
		switch state {
		case "dead":
			entry.Checks[0].Status = api.HealthCritical
		case "silent":
			entry.Checks[1].Status = api.HealthCritical
		case "draining":
			entry.Service.Meta[register.MetaDraining] = "true"
		}
		all = append(all, entry)
	}
	for name, nodes := range o.passing {
		for _, node := range nodes {
			all = append(all, &api.ServiceEntry{
				Node: &api.Node{Node: node}, Service: &api.AgentService{ID: "k8s-registrar-default.shop." + name + ".http", Service: name},
			})
		}
	}
	o.consul.SetOthers(all...)
}

// knowsMembers checks what the metrics say of knowing who takes part.
func (o *others) knowsMembers(want bool) {
	o.Helper()
	if got := o.gauge("k8s_registrar_spread_members_known"); got != 0 != want {
		o.Errorf("the members are known: %v, want %v", got, want)
	}
}

// share returns the services, as announces has them, that fall to this node with these members.
func share(services int, members ...string) (ours, theirs []string) {
	var all []spread.Member
	for _, name := range append(members, consultest.NodeName) {
		all = append(all, spread.Member{Name: name})
	}
	for i := range services {
		key, _ := service("shop", fmt.Sprintf("s%03d", i), 30000+i, "a")
		name := fmt.Sprintf("s%03d:%d", i, 30000+i)
		if slices.Contains(spread.NewMembers(all...).Holders(key, 2, nil), consultest.NodeName) {
			ours = append(ours, name)
		} else {
			theirs = append(theirs, name)
		}
	}
	return ours, theirs
}

// hold has all other holders pass what the members share among themselves.
func (o *others) hold(services int, members ...string) {
	var all []spread.Member
	for _, name := range append(members, consultest.NodeName) {
		all = append(all, spread.Member{Name: name})
	}
	for i := range services {
		name := fmt.Sprintf("s%03d", i)
		key, _ := service("shop", name, 30000+i, "a")
		o.passing[name] = slices.DeleteFunc(spread.NewMembers(all...).Holders(key, 2, nil), func(node string) bool { return node == consultest.NodeName })
	}
	o.tell()
}

// TestSharesAreAnnounced follows a fleet: it starts, a node dies, another comes.
func TestSharesAreAnnounced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const services = 40
		o := spreading(t, consultest.New(), services, "b", "c", "d")
		o.after(2 * time.Second).announces() // the list may not be complete yet
		four, _ := share(services, "b", "c", "d")
		o.after(2 * time.Second).announces(four...)
		if s := o.status().Spread; s == nil || s.State != "shared" || s.Elsewhere != services-len(four) || s.Leaving != 0 {
			t.Errorf("the status is %+v", s)
		}
		before := len(o.consul.Writes())

		o.daemons["d"] = "dead"
		o.tell()
		o.after(4 * time.Second).announces(four...)
		three, _ := share(services, "b", "c")
		o.after(3 * time.Second).announces(three...)
		if moved := len(o.consul.Writes()) - before; moved != len(three)-len(four) {
			t.Errorf("%d writes, want one for each service that moved: %d", moved, len(three)-len(four))
		}

		o.daemons["d"] = ""
		o.tell()
		o.after(29 * time.Second).announces(three...)
		o.after(10 * time.Minute).announces(three...) // d does not have it
		if s := o.status().Spread; s.Leaving != len(three)-len(four) {
			t.Errorf("%d leave, want %d", s.Leaving, len(three)-len(four))
		}
		o.hold(services, "b", "c", "d")
		o.after(2 * time.Minute).announces(four...)
		o.ready(true)
		nodes := o.status().Services[0].Nodes
		if len(nodes) != 2 || !slices.Contains(nodes, consultest.NodeName) {
			t.Errorf("it is announced by %v", nodes)
		}
	})
}

// TestOnlyWhatAllHoldersPassIsLetGo: whichever other nodes pass, and however many.
func TestOnlyWhatAllHoldersPassIsLetGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const services = 60
		c := consultest.New()
		fill(c, services)
		var all []string
		for i := range services {
			all = append(all, fmt.Sprintf("s%03d:%d", i, 30000+i))
		}
		r := start(t, c)
		r.after(time.Second).announces(all...)
		r.stop()

		o := spreading(t, c, services, "b", "c", "d")
		o.hold(services, "b", "c", "d")
		for name, nodes := range o.passing { // all of them one short, and three that are none of theirs
			o.passing[name] = append(nodes[:len(nodes)-1:len(nodes)-1], "x", "y", "z")
		}
		o.tell()
		o.after(time.Hour).announces(all...)
		o.hold(services, "b", "c", "d")
		o.consul.Fault(consultest.On("GET", "/v1/health/service/s", consultest.Fault{Status: http.StatusInternalServerError}))
		o.after(time.Hour).announces(all...)
		o.consul.Fault(nil)
		ours, _ := share(services, "b", "c", "d")
		o.after(2 * time.Minute).announces(ours...) // far more than the guard lets go
		if w := o.status().Waiting; len(w) > 0 {
			t.Errorf("they wait for a human: %+v", w)
		}
		o.ready(true)
	})
}

// TestNothingIsLetGoRightAfterAChange: until the others have heard of it too, they may count
// on us.
func TestNothingIsLetGoRightAfterAChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const services = 40
		o := spreading(t, consultest.New(), services, "b", "c")
		o.after(time.Minute)
		three, _ := share(services, "b", "c")
		o.announces(three...)
		o.daemons["d"] = ""
		o.hold(services, "b", "c", "d")
		o.after(38 * time.Second).announces(three...)
		four, _ := share(services, "b", "c", "d")
		o.after(5 * time.Second).announces(four...)
	})
}

// TestMembersUnknownIsNotNone: what is no knowledge changes nothing.
func TestMembersUnknownIsNotNone(t *testing.T) {
	const services = 40
	for what, spoil := range map[string]func(*others){
		"errors": func(o *others) {
			o.consul.Fault(consultest.On("GET", "/v1/health/service/k8s-registrar", consultest.Fault{Status: http.StatusInternalServerError, Body: "No cluster leader"}))
		},
		"no leader": func(o *others) {
			o.consul.Fault(consultest.On("GET", "/v1/health/service/k8s-registrar", consultest.Fault{Header: map[string]string{"X-Consul-Knownleader": "false"}}))
			o.daemons = map[string]string{consultest.NodeName: ""}
		},
		"filtered": func(o *others) {
			o.consul.Fault(consultest.On("GET", "/v1/health/service/k8s-registrar", consultest.Fault{Header: map[string]string{"X-Consul-Results-Filtered-By-Acls": "true"}}))
			o.daemons = map[string]string{consultest.NodeName: ""}
		},
		"empty": func(o *others) { clear(o.daemons) },
		"without us": func(o *others) {
			delete(o.daemons, consultest.NodeName)
			delete(o.daemons, "b")
		},
	} {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := spreading(t, consultest.New(), services, "b", "c", "d")
				ours, _ := share(services, "b", "c", "d")
				o.after(time.Minute).announces(ours...)
				o.knowsMembers(true)
				before := len(o.consul.Writes())
				spoil(o)
				o.tell()
				o.after(time.Hour).announces(ours...)
				if n := len(o.consul.Writes()) - before; n != 0 {
					t.Errorf("%d writes", n)
				}
				if o.status().Spread.Error == "" {
					t.Error("the status does not say it")
				}
				o.knowsMembers(false)
			})
		})
	}
}

// TestStrangersAnnounceEverything: a node that never knows the others, since it is not
// among those that announce themselves.
func TestStrangersAnnounceEverything(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const services = 10
		c := consultest.New()
		fill(c, services)
		var all []string
		for i := range services {
			all = append(all, fmt.Sprintf("s%03d:%d", i, 30000+i))
		}
		o := &others{rig: &rig{T: t, consul: c}, daemons: map[string]string{"b": "", "c": "", "d": ""}, passing: map[string][]string{}}
		o.tell()
		o.hold(services, "b", "c", "d")
		o.rig = start(t, c, spreadOut)
		o.after(membersGrace - time.Second).announces()
		o.after(2 * time.Second).announces(all...)
		if s := o.status().Spread; s.State != "alone" || !strings.Contains(s.Error, "telemetry.announce") {
			t.Errorf("the status is %+v", s)
		}
		o.knowsMembers(false)
		// It is found after all.
		o.daemons[consultest.NodeName] = ""
		o.tell()
		ours, _ := share(services, "b", "c", "d")
		o.after(5 * time.Minute).announces(ours...)
		o.knowsMembers(true)
	})
}

// TestNobodyIsMissedWithoutSpread: who takes part could not be told, and then need not be.
func TestNobodyIsMissedWithoutSpread(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := consultest.New()
		c.Fault(consultest.On("GET", "/v1/health/service/k8s-registrar", consultest.Fault{Status: http.StatusForbidden}))
		o := spreading(t, c, 2, "b", "c", "d")
		o.after(time.Minute)
		o.knowsMembers(false)
		if err := o.fresh(func(cfg *config.Config, _ *Access) { cfg.Spread.Copies = 0 }); err != nil {
			t.Fatal(err)
		}
		o.after(time.Second)
		o.knowsMembers(true)
	})
}

// TestTheOthersAreWaitedForWhileConsulIsAway, however long that takes: the time in which a node
// waits for the others begins when they can be known.
func TestTheOthersAreWaitedForWhileConsulIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := consultest.New()
		c.Down()
		o := spreading(t, c, 40, "b", "c", "d")
		o.after(10 * time.Minute)
		c.Up()
		o.after(time.Minute)
		ours, _ := share(40, "b", "c", "d")
		o.announces(ours...)
		if n := len(c.Writes()); n != len(ours) {
			t.Errorf("%d writes, want %d", n, len(ours))
		}
	})
}

// TestFewerNodesThanCopies all announce everything, this one too.
func TestFewerNodesThanCopies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := spreading(t, consultest.New(), 2)
		o.hold(2, "b", "c")
		o.after(time.Hour).announces("s000:30000", "s001:30001")
	})
}

// TestSpreadIsSwitchedOnAndOff without a restart.
func TestSpreadIsSwitchedOnAndOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const services = 20
		c := consultest.New()
		o := &others{rig: &rig{T: t, consul: c}, daemons: map[string]string{consultest.NodeName: "", "b": "", "c": "", "d": ""}, passing: map[string][]string{}}
		fill(c, services)
		o.hold(services, "b", "c", "d")
		o.rig = start(t, c)
		o.after(time.Minute)
		if n := len(c.Services()); n != services {
			t.Fatalf("%d services, want %d", n, services)
		}
		if err := o.fresh(func(cfg *config.Config, _ *Access) { spreadOut(cfg) }); err != nil {
			t.Fatal(err)
		}
		ours, _ := share(services, "b", "c", "d")
		o.after(5 * time.Minute).announces(ours...)
		if err := o.fresh(func(cfg *config.Config, _ *Access) { cfg.Spread.Copies = 0 }); err != nil {
			t.Fatal(err)
		}
		o.after(10 * time.Second)
		if n := len(c.Services()); n != services {
			t.Errorf("%d services without spread, want %d", n, services)
		}
		if o.status().Spread != nil {
			t.Error("the status shows it though it is off")
		}
	})
}

// TestSightings has what an answer of the servers proves.
func TestSightings(t *testing.T) {
	entry := func(node string, meta map[string]string, checks ...*api.HealthCheck) *api.ServiceEntry {
		return &api.ServiceEntry{Node: &api.Node{Node: node}, Service: &api.AgentService{ID: selfID, Meta: meta}, Checks: checks}
	}
	ofNode := func(id, status string) *api.HealthCheck { return &api.HealthCheck{CheckID: id, Status: status} }
	own := func(id, status string) *api.HealthCheck {
		return &api.HealthCheck{CheckID: id, Status: status, ServiceID: selfID}
	}
	draining := map[string]string{register.MetaDraining: "true"}
	seen, err := sightings([]*api.ServiceEntry{
		entry("us", nil, ofNode("serfHealth", "passing"), own("alive", "critical")),
		entry("live", nil, ofNode("serfHealth", "passing"), own("alive", "passing")),
		entry("warning", nil, own("alive", "warning")),
		entry("silent", nil, ofNode("serfHealth", "passing"), own("alive", "critical")),
		entry("dead", nil, ofNode("serfHealth", "critical"), own("alive", "passing")),
		entry("dead and silent", nil, own("alive", "critical"), ofNode("serfHealth", "critical"), own("other", "critical")),
		entry("the node warns", nil, ofNode("disk", "warning")),
		entry("draining", draining),
		entry("draining and dead", draining, own("alive", "critical"), ofNode("serfHealth", "critical")),
		entry("node in maintenance", nil, ofNode("_node_maintenance", "critical")),
		entry("daemon in maintenance", nil, own("_service_maintenance:x", "critical"), own("alive", "critical")),
	}, &api.QueryMeta{}, "us")
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]spread.State{}
	for _, s := range seen {
		got[s.Name] = s.State
	}
	if d := cmp.Diff(map[string]spread.State{
		"us": spread.Live, "live": spread.Live, "warning": spread.Live, "silent": spread.Silent, "dead": spread.Gone, "dead and silent": spread.Gone,
		"the node warns": spread.Gone, "draining": spread.Draining, "draining and dead": spread.Draining,
		"node in maintenance": spread.Draining, "daemon in maintenance": spread.Draining,
	}, got); d != "" {
		t.Error(d)
	}
	for what, meta := range map[string]*api.QueryMeta{
		"of no Consul":     {KnownLeader: true, DefaultACLPolicy: "allow"},
		"without leader":   {LastIndex: 1, DefaultACLPolicy: "allow"},
		"filtered":         {LastIndex: 1, KnownLeader: true, DefaultACLPolicy: "allow", ResultsFilteredByACLs: true},
		"perhaps filtered": {LastIndex: 1, KnownLeader: true, DefaultACLPolicy: "deny"},
	} {
		d := daemons{[]*api.ServiceEntry{entry("us", nil)}, meta}
		_, err := sightings(d.entries, d.meta, "us")
		if err == nil && d.proven(false) == nil {
			t.Errorf("%s: it is taken for knowledge", what)
		}
	}
	them := []*api.ServiceEntry{entry("them", nil)}
	if _, err := sightings(them, &api.QueryMeta{}, "us"); err == nil {
		t.Error("without us: it is taken for knowledge")
	}
	if _, err := sightings(them, &api.QueryMeta{}, ""); err != nil {
		t.Errorf("for one who is no node: %v", err)
	}
}

// TestWhatTheDoorbellHears is believed if it has everybody who was known.
func TestWhatTheDoorbellHears(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, tt := range []struct {
			what, self, nodes string
			leader, believed  bool
		}{
			{"all", "us", "us b c", true, true},
			{"one more", "us", "us b c d", true, true},
			{"one less", "us", "us b", true, false},
			{"nobody", "us", "", true, false},
			{"all but us", "us", "b c", true, false},
			{"there is no leader", "us", "us b c", false, false},
			{"who we are is not known", "", "us b c", true, false},
		} {
			c := consultest.New()
			if !tt.leader {
				c.SetLeader("")
			}
			m := &membership{local: register.NewLocal(c.Client(), register.Owner{Instance: "default"}), self: tt.self}
			var known []spread.Sighting
			for _, name := range []string{"us", "b", "c"} {
				known = append(known, spread.Sighting{Member: spread.Member{Name: name}})
			}
			m.roll = m.roll.See(known, time.Now())
			d := daemons{meta: &api.QueryMeta{}}
			for name := range strings.FieldsSeq(tt.nodes) {
				d.entries = append(d.entries, &api.ServiceEntry{Node: &api.Node{Node: name}, Service: &api.AgentService{}})
			}
			if got := m.hear(t.Context(), d); got != tt.believed {
				t.Errorf("%s: %v", tt.what, got)
			}
		}
	})
}

// TestServersAreSeldomAskedForAllNodes: in a large fleet that would be much, on each node for
// each change of any.
func TestServersAreSeldomAskedForAllNodes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := spreading(t, consultest.New(), 5, "b", "c", "d")
		o.after(time.Minute)
		asked := func() (n int) {
			for _, r := range o.consul.Requests() {
				if r.Path == "/v1/health/service/k8s-registrar" && !r.Query.Has("index") {
					n++
				}
			}
			return n
		}
		before := asked()
		for _, state := range []string{"dead", "", "silent", "", "draining", ""} {
			o.daemons["d"] = state
			o.tell()
			o.after(50 * time.Second)
		}
		if n := asked() - before; n > 1 { // it may be time to
			t.Errorf("the servers were asked %d times", n)
		}
		before = asked()
		o.after(10 * time.Hour)
		if n := asked() - before; n < 45 || n > 85 {
			t.Errorf("the servers were asked %d times in 10 hours", n)
		}
	})
}

// TestChangeOfOneServiceStaysAChangeOfOne: a pass about single services shares them out too.
func TestChangeOfOneServiceStaysAChangeOfOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const services = 40
		o := spreading(t, consultest.New(), services, "b", "c", "d")
		o.after(time.Minute)
		ours, theirs := share(services+20, "b", "c", "d")
		change := func(service string, tags string) (writes, services int) {
			var i int
			fmt.Sscanf(service, "s%d:", &i) //nolint:errcheck // it is one
			before := len(o.consul.Writes())
			o.consul.SetKV(testService(i, tags))
			o.after(time.Second)
			return len(o.consul.Writes()) - before, o.status().Spread.Elsewhere
		}
		elsewhere := o.status().Spread.Elsewhere
		for _, tt := range []struct {
			what, service  string
			writes, others int
		}{
			{"changed, ours", ours[0], 1, 0},
			{"changed, theirs", theirs[0], 0, 0},
			{"new, ours", ours[len(ours)-1], 1, 0},
			{"new, theirs", theirs[len(theirs)-1], 0, 1},
		} {
			writes, others := change(tt.service, "b")
			if writes != tt.writes || others != elsewhere+tt.others {
				t.Errorf("%s: %d writes and %d Services elsewhere, want %d and %d", tt.what, writes, others, tt.writes, elsewhere+tt.others)
			}
		}
		o.consul.DeleteKV(testKey(theirs[len(theirs)-1]))
		o.after(time.Second)
		if got := o.status().Spread.Elsewhere; got != elsewhere {
			t.Errorf("%d Services elsewhere after one was deleted, want %d", got, elsewhere)
		}
		o.ready(true)
	})
}

// testService is a service of fill with other tags, and testKey its key.
func testService(i int, tags string) (key, value string) {
	return service("shop", fmt.Sprintf("s%03d", i), 30000+i, tags)
}

func testKey(announced string) string {
	return "kubernetes/deployments/shop/" + announced[:strings.IndexByte(announced, ':')]
}

// TestSpreadInWords is what people read of it.
func TestSpreadInWords(t *testing.T) {
	ago := func(time.Time) string { return "1 min ago" }
	for want, s := range map[string]SpreadStatus{
		"3 copies among 2 nodes, which changed 1 min ago; 1 Service elsewhere":                              {State: "shared", Copies: 3, Members: []string{"a", "b"}, Elsewhere: 1},
		"3 copies among 1 node, which changed 1 min ago; 7 Services elsewhere, 2 more when the others pass": {State: "shared", Copies: 3, Members: []string{"a"}, Elsewhere: 7, Leaving: 2},
		"the other nodes are not known yet: nothing is added that may be theirs":                            {State: "pending"},
		"the other nodes are not known: this one announces everything":                                      {State: "alone"},
	} {
		if got := s.Words(ago); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	status := Status{Spread: &SpreadStatus{Error: "why"}}
	if notes := status.Notes(); len(notes) != 1 || notes[0].Text != "why" {
		t.Errorf("the notes are %v", notes)
	}
}

// TestPlanKnowsTheOthers without being a daemon.
func TestPlanKnowsTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := consultest.New()
		o := &others{rig: &rig{T: t, consul: c}, daemons: map[string]string{consultest.NodeName: "", "b": "", "c": "", "d": ""}, passing: map[string][]string{}}
		fill(c, 40)
		o.tell()
		a := newAgent(t, Consul{Client: c.Client(), Token: NewToken("")}, &logBuffer{}, spreadOut)
		pass, err := a.Plan(t.Context())
		ours, _ := share(40, "b", "c", "d")
		if err != nil || pass.Plan.Count(register.Add) != len(ours) {
			t.Errorf("it would add %d, want %d; %v", pass.Plan.Count(register.Add), len(ours), err)
		}
	})
}

// cover has all of these members pass what they share among themselves.
func (o *others) cover(services int, members ...string) {
	var all []spread.Member
	for _, name := range members {
		all = append(all, spread.Member{Name: name})
	}
	for i := range services {
		name := fmt.Sprintf("s%03d", i)
		key, _ := service("shop", name, 30000+i, "a")
		o.passing[name] = spread.NewMembers(all...).Holders(key, 2, nil)
	}
	o.tell()
}

// out counts the services of the tree that are in maintenance mode on this node.
func (o *others) out() (n int) {
	for id := range o.consul.Checks() {
		if strings.HasPrefix(id, api.ServiceMaintPrefix+"k8s-registrar-default.shop.") {
			n++
		}
	}
	return n
}

// TestDrainedNodeLeavesWhenTheOthersHave: what others have goes out of the load balancers at
// once, and then altogether; what they do not have stays in for as long as an operator waits.
func TestDrainedNodeLeavesWhenTheOthersHave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const services = 40
		c := consultest.New()
		o := spreading(t, c, services, "b", "c", "d")
		ours, _ := share(services, "b", "c", "d")
		o.after(time.Minute).announces(ours...)

		local := register.NewLocal(c.Operator(), register.Owner{Instance: "default"})
		if err := local.Mark(t.Context(), register.ByCommand.Mark("kernel")); err != nil {
			t.Fatal(err)
		}
		o.after(5 * time.Second)
		if n := o.out(); n != 0 {
			t.Errorf("%d are out, and nobody else has them", n)
		}
		o.cover(services, "b", "c", "d")
		missing := ours[0][:strings.IndexByte(ours[0], ':')]
		o.passing[missing] = nil
		o.tell()
		o.after(4 * time.Second)
		if n := o.out(); n != len(ours)-1 {
			t.Errorf("%d are out, want %d", n, len(ours)-1)
		}
		o.after(10 * time.Second)
		if n := len(c.Services()); n != 2 { // with the marker
			t.Errorf("%d services are left, want one and the marker", n)
		}
		o.after(20 * time.Second)
		if n := o.out(); n != 1 {
			t.Errorf("%d are out, want the last one too", n)
		}
		if err := local.Unmark(t.Context()); err != nil {
			t.Fatal(err)
		}
		o.after(time.Minute).announces(ours...)
		if n := o.out(); n != 0 {
			t.Errorf("%d are out after the maintenance", n)
		}
	})
}

// TestTheOthersHearOfMaintenance by what the daemon says of itself.
func TestTheOthersHearOfMaintenance(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := consultest.New()
		a := newAnnouncer(t, c, ":28500", &logBuffer{})
		time.Sleep(time.Second)
		cfg := config.Default()
		spreadOut(&cfg)
		a.configs.put(cfg)
		a.marks.put(true)
		time.Sleep(time.Second)
		if got := c.Services()[selfID].Meta[register.MetaDraining]; got != "true" {
			t.Errorf("the mark is %q", got)
		}
	})
}
