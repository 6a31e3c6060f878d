package config

import (
	_ "embed"
	"net/netip"
	"reflect"
	"time"
)

// Reference is a configuration file that explains every setting and gives it
// its default. It is what the packages install.
//
//go:embed reference.hcl
var Reference string

// Config is everything an operator can decide. What [Load] returns is valid:
// no reader of it needs to check again.
type Config struct {
	// KeyPath is k8s-deployer's key_path: the tree that is watched is
	// KeyPath + "/deployments/". It has no slash at either end.
	KeyPath string
	// Instance says whose services these are, if several registrars share
	// an agent: 1 to 32 of a-z, 0-9 and "-".
	Instance string
	// OnStop says what a daemon does with its services when it is told to stop: Keep,
	// Maintenance or Deregister.
	OnStop string

	Consul    Consul
	Node      Node
	Services  Services
	Traefik   Traefik
	Check     Check
	Watch     Watch
	Reconcile Reconcile
	Guard     Guard
	Spread    Spread
	Telemetry Telemetry
	Log       Log
}

// Consul says how to reach the local Consul agent. What is empty here is left
// to Consul's own client, which reads CONSUL_HTTP_ADDR and its kin.
type Consul struct {
	Address       string // host:port, http://, https:// or unix://
	Token         Secret // never set together with TokenFile
	TokenFile     string // path of a file that holds the token
	CAFile        string // path, PEM
	CertFile      string // path, PEM; set if and only if KeyFile is
	KeyFile       string // path, PEM
	TLSServerName string // the name the agent's certificate must carry
}

// Node describes the machine the daemon runs on.
type Node struct {
	// Address is what health checks dial. The zero Addr stands for the
	// local Consul agent's advertise address.
	Address netip.Addr
	// Interface is the network interface whose addresses are used instead;
	// empty: none. Never set together with Address.
	Interface string
}

// Services says what a Service is announced as. The fields are of plain types, so that
// a package can take them by conversion, without importing this one; nil and empty lists
// are the same.
type Services struct {
	Types            []string          // of "NodePort" and "LoadBalancer", at least one
	Ports            string            // "first" or "all"
	Name             string            // with {name} and perhaps {namespace}
	Namespaces       []string          // patterns; empty: all
	ExceptNamespaces []string          // patterns of those that are not announced
	OptIn            bool              // only those that ask for it
	Tags             []string          // added to every service
	Meta             map[string]string // added to every service
	Weight           int               // in answers of Consul's DNS, 1 to 65535
	Address          string            // an IP address or "node"; empty: left to Consul
	DualStack        bool              // announce the node's IPv4 and IPv6 addresses
}

// Traefik says what is known of the site's Traefiks.
type Traefik struct {
	Generation       string            // "v1", "v3" or "both"
	Constraint       string            // the tag that constraints ask for; empty: none
	ExposedByDefault bool              // as in Traefik's own configuration
	TLSEntryPoints   []string          // the entry points that speak TLS
	Severity         map[string]string // of findings: "refuse", "warn" or "off", by rule
}

// Check says how Consul checks a service. The fields are of plain types, so
// that a package can take them by conversion, without importing this one.
type Check struct {
	Interval time.Duration // between two probes, at least 1s
	Timeout  time.Duration // of one probe, above 0 and at most Interval

	FailuresBeforeCritical int // failed probes in a row, at least 1
	FailuresBeforeWarning  int // the same for warning, at most FailuresBeforeCritical; 0: no warning state
	SuccessBeforePassing   int // successful probes in a row; 0: Consul's default

	// InitialStatus is the status at registration: "passing", "critical",
	// or "probe" for what a first probe of our own has seen.
	InitialStatus string
}

// Watch paces the reads of the tree.
type Watch struct {
	Wait        time.Duration // how long Consul holds a blocking query, 1s to 10m
	MinInterval time.Duration // between two reads, when changes come in a row
	FullRead    time.Duration // between two reads of everything, changed or not
	Queries     int           // blocking queries that wait for the tree at once, 2 to 150
}

// Reconcile paces the writes to the local Consul agent.
type Reconcile struct {
	Resync  time.Duration // between two full comparisons, when nothing seems to change
	Verify  time.Duration // between two looks at the catalog, when nothing seems to change
	Workers int           // registrations under way at once, 1 to 8
}

// Guard says how many services may be removed before a human is asked: the
// larger one of Min and Percent.
type Guard struct {
	Min           int  // services
	Percent       int  // of the services that are ours, 0 to 100
	AllowRemovals bool // do not ask: remove whatever the tree says
}

// Spread says how many nodes announce a service, if not all do.
type Spread struct {
	Copies int           // nodes that announce a service, unless it says otherwise; 0: all do
	Hold   time.Duration // how long a node that is gone keeps its share, 0s to 10m
	Settle time.Duration // how long a node that came waits for one, 0s to 1h
}

// Telemetry says where metrics and status are served.
type Telemetry struct {
	Listen string // host:port; empty: nowhere
	// WebConfigFile is the path of the exporters' usual web configuration: TLS and
	// passwords. Empty: plain HTTP, without a password.
	WebConfigFile string
	Reload        bool   // let POST /-/reload do what HUP does
	Announce      string // the Consul service under which the daemon announces itself; empty: none
}

// Log says what is written to standard error, and how.
type Log struct {
	Level  string // "trace", "debug", "info", "warn" or "error"
	Format string // "text" or "json"
}

// What may be in Config.OnStop.
const (
	Keep        = "keep"        // the services stay as they are
	Maintenance = "maintenance" // they leave the load balancers until the next start
	Deregister  = "deregister"  // they are removed
)

// Equal tells whether two configurations say the same.
func (c Config) Equal(other Config) bool { return reflect.DeepEqual(c, other) }

// Default returns the configuration of an operator who decided nothing.
// reference.hcl gives the reasons.
func Default() Config {
	return Config{
		KeyPath:  "kubernetes",
		Instance: "default",
		OnStop:   Keep,
		Services: Services{
			Types:  []string{"NodePort"},
			Ports:  "first",
			Name:   "{name}",
			Weight: 1,
		},
		Traefik: Traefik{Generation: "v1", ExposedByDefault: true, TLSEntryPoints: []string{"https"}},
		Check: Check{
			Interval:               10 * time.Second,
			Timeout:                2 * time.Second,
			FailuresBeforeCritical: 2,
			InitialStatus:          "probe",
		},
		Watch: Watch{
			Wait:        55 * time.Second,
			MinInterval: 100 * time.Millisecond,
			FullRead:    20 * time.Minute,
			Queries:     64,
		},
		Reconcile: Reconcile{Resync: 45 * time.Second, Verify: 5 * time.Minute, Workers: 2},
		Guard:     Guard{Min: 10, Percent: 20},
		Spread:    Spread{Hold: 5 * time.Second, Settle: 30 * time.Second},
		Telemetry: Telemetry{Listen: ":28500"},
		Log:       Log{Level: "info", Format: "text"},
	}
}
