package consultest_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/hashicorp/consul/api"

	"github.com/k8s-registrar/k8s-registrar/register/consultest"
)

func TestRegisteredServiceAsTheAgentShowsIt(t *testing.T) {
	client := consultest.New().Client()
	register(t, client, web())

	services, err := client.Agent().Services()
	if err != nil {
		t.Fatal(err)
	}
	address := api.ServiceAddress{Address: "10.0.0.1", Port: 30080}
	diff(t, map[string]*api.AgentService{"k8s-web": {
		ID:              "k8s-web",
		Service:         "web",
		Tags:            []string{"b", "a"},
		Meta:            map[string]string{"managed-by": "us"},
		Port:            30080,
		Address:         "10.0.0.1",
		TaggedAddresses: map[string]api.ServiceAddress{"lan_ipv4": address, "wan_ipv4": address},
		Weights:         api.AgentWeights{Passing: 1, Warning: 1},
		Datacenter:      "dc1",
	}}, services)

	checks, err := client.Agent().Checks()
	if err != nil {
		t.Fatal(err)
	}
	diff(t, map[string]*api.AgentCheck{"service:k8s-web": {
		Node:        "node-1",
		CheckID:     "service:k8s-web",
		Name:        "web tcp",
		Status:      "critical",
		Notes:       "n1",
		ServiceID:   "k8s-web",
		ServiceName: "web",
		Type:        "tcp",
	}}, checks)
}

func TestRegisterFillsIn(t *testing.T) {
	c := consultest.New()
	register(t, c.Client(), &api.AgentServiceRegistration{
		Name: "two", Address: "fe80::1",
		Checks: api.AgentServiceChecks{
			{CheckID: "c1", TTL: "30s", Status: "passing"},
			{HTTP: "http://10.0.0.1/", Interval: "60s"},
		},
	})
	two := c.Services()["two"]
	if two.ID != "two" || two.TaggedAddresses["lan_ipv6"].Address != "fe80::1" || two.Tags == nil || two.Meta == nil {
		t.Errorf("service = %+v", two)
	}
	checks := c.Checks()
	if got := checks["c1"]; got.Status != "passing" || got.Type != "ttl" || got.Name != "Service 'two' check" {
		t.Errorf("c1 = %+v", got)
	}
	if got := checks["service:two:2"]; got.Status != "critical" || got.Interval != "1m0s" ||
		got.Registered.HTTP != "http://10.0.0.1/" {
		t.Errorf("service:two:2 = %+v", got)
	}
}

func TestRegisterRefusals(t *testing.T) {
	tests := map[string]struct {
		change func(*api.AgentServiceRegistration)
		want   string
	}{
		"no name": {
			func(r *api.AgentServiceRegistration) { r.Name = "" },
			"Missing service name",
		},
		"any address": {
			func(r *api.AgentServiceRegistration) { r.Address = "0.0.0.0" },
			"Invalid service address",
		},
		"dot in meta key": {
			func(r *api.AgentServiceRegistration) { r.Meta = map[string]string{"a.b": "x"} },
			"Invalid Service Meta: Couldn't load metadata pair ('a.b', 'x'): Key contains invalid characters",
		},
		"reserved meta key": {
			func(r *api.AgentServiceRegistration) { r.Meta = map[string]string{"consul-a": "x"} },
			"Key prefix 'consul-' is reserved for internal use",
		},
		"long meta key": {
			func(r *api.AgentServiceRegistration) { r.Meta = map[string]string{strings.Repeat("k", 129): ""} },
			"Key is too long (limit: 128 characters)",
		},
		"long meta value": {
			func(r *api.AgentServiceRegistration) { r.Meta = map[string]string{"a": strings.Repeat("v", 513)} },
			"Value is too long (limit: 512 characters)",
		},
		"much meta": {
			func(r *api.AgentServiceRegistration) {
				for i := range 65 {
					r.Meta[fmt.Sprint("k", i)] = "v"
				}
			},
			"Node metadata cannot contain more than 64 key/value pairs",
		},
		"no weight": {
			func(r *api.AgentServiceRegistration) { r.Weights = &api.AgentWeights{} },
			"Invalid Weights: Passing must be greater than 0",
		},
		"check without interval": {
			func(r *api.AgentServiceRegistration) { r.Check.Interval = "" },
			"Invalid check: Interval must be > 0 for Script, HTTP, H2PING, TCP, UDP or OSService checks",
		},
		"warning after critical": {
			func(r *api.AgentServiceRegistration) { r.Check.FailuresBeforeWarning = 2 },
			"Invalid check: FailuresBeforeWarning can't be higher than FailuresBeforeCritical",
		},
		"bad status": {
			func(r *api.AgentServiceRegistration) { r.Check.Status = "fine" },
			"Status for checks must 'passing', 'warning', 'critical'",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			c := consultest.New()
			err := c.Client().Agent().ServiceRegister(with(web(), test.change))
			wantCode(t, err, 400)
			wantError(t, err, test.want)
			if len(c.Services()) > 0 {
				t.Error("it was registered all the same")
			}
		})
	}
}

// Status is for a new check ID only; a known one keeps the status it has.
func TestStatusOnRegister(t *testing.T) {
	c := consultest.New()
	client := c.Client()
	passing := with(web(), func(r *api.AgentServiceRegistration) { r.Check.Status = "passing" })
	status := func() string { return c.Checks()["service:k8s-web"].Status }

	register(t, client, passing)
	if got := status(); got != "passing" {
		t.Errorf("new check: %s", got)
	}
	c.SetCheck("service:k8s-web", "critical", "refused")
	register(t, client, passing)
	if got := status(); got != "critical" {
		t.Errorf("known check: %s", got)
	}
	if err := client.Agent().ServiceDeregister("k8s-web"); err != nil {
		t.Fatal(err)
	}
	register(t, client, passing)
	if got := status(); got != "passing" {
		t.Errorf("check after deregistration: %s", got)
	}
}

func TestReplaceExistingChecks(t *testing.T) {
	tests := map[string]struct {
		replace bool
		want    int
	}{
		"kept":     {false, 3}, // the old, the new, maintenance
		"replaced": {true, 1},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			c := consultest.New()
			agent := c.Client().Agent()
			register(t, c.Client(), web())
			if err := agent.EnableServiceMaintenance("k8s-web", "why"); err != nil {
				t.Fatal(err)
			}
			renamed := with(web(), func(r *api.AgentServiceRegistration) { r.Check.CheckID = "new" })
			err := agent.ServiceRegisterOpts(renamed, api.ServiceRegisterOpts{ReplaceExistingChecks: test.replace})
			if got := len(c.Checks()); err != nil || got != test.want {
				t.Errorf("%d checks, %v; want %d", got, err, test.want)
			}
			if got := len(c.CatalogChecks()); got != test.want {
				t.Errorf("%d checks in the catalog, want %d", got, test.want)
			}
		})
	}
}

// Check IDs are unique in the agent: who registers one that another service has takes it, with its status.
func TestStolenCheck(t *testing.T) {
	c := consultest.New()
	register(t, c.Client(), web())
	c.SetCheck("service:k8s-web", "passing", "ok")
	register(t, c.Client(), with(web(), func(r *api.AgentServiceRegistration) {
		r.ID, r.Check.CheckID = "thief", "service:k8s-web"
	}))
	checks := c.Checks()
	if got := checks["service:k8s-web"]; len(checks) != 1 || got.ServiceID != "thief" || got.Status != "passing" {
		t.Errorf("checks = %+v", checks)
	}
}

func TestMaintenance(t *testing.T) {
	c := consultest.New()
	agent := c.Client().Agent()
	register(t, c.Client(), web())
	if err := agent.EnableServiceMaintenance("k8s-web", "why"); err != nil {
		t.Fatal(err)
	}
	if got := c.Checks()["_service_maintenance:k8s-web"]; got.Status != "critical" || got.Notes != "why" {
		t.Errorf("check = %+v", got)
	}
	if err := agent.DisableServiceMaintenance("k8s-web"); err != nil || len(c.Checks()) != 1 {
		t.Errorf("checks = %v, %v", c.Checks(), err)
	}
	wantCode(t, agent.EnableServiceMaintenance("nope", ""), 404)
}

func TestDeregister(t *testing.T) {
	c := consultest.New()
	agent := c.Client().Agent()
	register(t, c.Client(), web())
	if err := agent.CheckDeregister("service:k8s-web"); err != nil || len(c.Checks())+len(c.CatalogChecks()) != 0 {
		t.Errorf("check: %v, %v left, %v in the catalog", err, c.Checks(), c.CatalogChecks())
	}
	if err := agent.ServiceDeregister("k8s-web"); err != nil || len(c.Services())+len(c.CatalogServices()) != 0 {
		t.Errorf("service: %v, %v left, %v in the catalog", err, c.Services(), c.CatalogServices())
	}
	wantError(t, agent.ServiceDeregister("k8s-web"),
		`Unknown service ID "k8s-web". Ensure that the service ID is passed, not the service name.`)
	wantError(t, agent.CheckDeregister("nope"),
		`Unknown check ID "nope". Ensure that the check ID is passed, not the check name.`)
}

func TestSelf(t *testing.T) {
	c := consultest.New()
	c.SetNode("worker-7", "192.0.2.7")
	self, err := c.Client().Agent().Self()
	if err != nil {
		t.Fatal(err)
	}
	for want, got := range map[string]any{
		"worker-7":  self["Config"]["NodeName"],
		"192.0.2.7": self["DebugConfig"]["AdvertiseAddrLAN"],
		"dc1":       self["Config"]["Datacenter"],
		"1.22.0":    self["Config"]["Version"],
	} {
		if got != want {
			t.Errorf("got %v, want %s", got, want)
		}
	}
	if self["Member"]["Addr"] != "192.0.2.7" || self["Member"]["Name"] != "worker-7" {
		t.Errorf("member = %v", self["Member"])
	}
}

func TestFilter(t *testing.T) {
	c := consultest.New()
	register(t, c.Client(), web())
	register(t, c.Client(), &api.AgentServiceRegistration{Name: "other"})
	tests := map[string]struct {
		want int
		err  string
	}{
		``:                           {want: 2},
		`Meta["managed-by"] == "us"`: {want: 1},
		`Meta["managed-by"] != "us"`: {want: 1},
		`Meta["none"] == ""`:         {want: 0},
		`ID == "-"`:                  {want: 0},
		"Service==web":               {want: 1},
		"Service == `web` and Meta.owner != \"me\"": {want: 1},
		`ID matches "^k8s-"`:                        {want: 1},
		`ID matches "^(?:k8s\\-w|other)"`:           {want: 2},
		`ID not matches "^(?:k8s\\-w|x)"`:           {want: 1},
		`Meta["none"] not matches "x"`:              {want: 2},
		`Nope == "x"`:                               {err: `Selector "Nope" is not valid`},
		`Service contains "x"`:                      {err: "consultest knows only"},
		`Service == "a" or Service == "b"`:          {err: "consultest knows only"},
	}
	for filter, test := range tests {
		t.Run(filter, func(t *testing.T) {
			services, err := c.Client().Agent().ServicesWithFilter(filter)
			if test.err != "" {
				wantError(t, err, test.err)
				return
			}
			if err != nil || len(services) != test.want {
				t.Errorf("%d services, %v; want %d", len(services), err, test.want)
			}
		})
	}
	checks, err := c.Client().Agent().ChecksWithFilter(`ServiceID == "k8s-web"`)
	if err != nil || len(checks) != 1 {
		t.Errorf("%d checks, %v; want 1", len(checks), err)
	}
}
