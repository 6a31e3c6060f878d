package health

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"reflect"
	"strings"
	"time"
	"unique"

	"github.com/hashicorp/consul/api"
)

// What InitialStatus may say besides Consul's own "passing" and "critical".
const (
	// Probe has the port dialled once at its first registration, and registered
	// with the status that was seen: neither is a dead port announced until its
	// first check, nor does a live one wait for it.
	Probe = "probe"
)

// Name is that of each check.
const Name = "NodePort"

// The kinds of checks, as the agent shows them. That of https is HTTP.
const (
	KindTCP  = "tcp"
	KindHTTP = "http"
	KindGRPC = "grpc"
)

// Settings say how the check of a service behaves.
type Settings struct {
	// Interval is the time between two probes. Consul makes less than 1s into 1s.
	Interval time.Duration
	// Timeout is how long one probe may take.
	Timeout time.Duration
	// FailuresBeforeCritical is how many probes must fail in a row before the
	// service leaves the load balancers, at least 1.
	FailuresBeforeCritical int
	// FailuresBeforeWarning is how many until it is in warning, 0 for no warning.
	FailuresBeforeWarning int
	// SuccessBeforePassing is how many must succeed in a row before it comes back,
	// 0 and 1 meaning the first.
	SuccessBeforePassing int
	// InitialStatus is the status until the first probe: [Probe],
	// api.HealthPassing or api.HealthCritical.
	InitialStatus string
}

// Check says why these settings cannot be, in words that name them; Consul would refuse
// such a check, or never finish one probe before the next.
func (s Settings) Check() error {
	switch {
	case s.Timeout > s.Interval:
		return fmt.Errorf("check.timeout %s is longer than check.interval %s", s.Timeout, s.Interval)
	case s.FailuresBeforeWarning > s.FailuresBeforeCritical:
		return fmt.Errorf("check.failures_before_warning %d is above check.failures_before_critical %d", s.FailuresBeforeWarning, s.FailuresBeforeCritical)
	}
	return nil
}

// Check is how Consul tries a service. It is never changed. There are thousands, so each has
// only what is its own: the rest is shared, and what Consul is told is made when it is.
type Check struct {
	service string // its ID
	target  netip.AddrPort
	ask     *ask // nil for a TCP connect
	shared  unique.Handle[shared]
}

// ask is what is asked of a service that must do more than accept a connection.
type ask struct {
	kind    string // [KindHTTP] or [KindGRPC]
	http    HTTP
	service string // of gRPC
}

// shared is what most checks have in common.
type shared struct {
	settings Settings
	notes    string // but for what is checked
}

// HTTP describes a request that a service answers when it is well.
type HTTP struct {
	// TLS is for https. The certificate is verified against Host, and not at all
	// without one: no certificate names the address of a node.
	TLS bool
	// Path is what is asked for, such as "/healthz".
	Path string
	// Host is the host that is asked for; empty for the target.
	Host string
}

// TCP returns the check of a service, by its ID, that connects to the target.
func (s Settings) TCP(service string, target netip.AddrPort) *Check {
	return s.check(service, target, nil)
}

// HTTP returns the check that sends a GET. A status of 2xx is passing, 429 is warning,
// anything else is critical.
func (s Settings) HTTP(service string, target netip.AddrPort, request HTTP) *Check {
	return s.check(service, target, &ask{kind: KindHTTP, http: request})
}

// GRPC returns the check that asks for the health of a service by gRPC's own protocol
// for it; without a name for that of the whole server.
func (s Settings) GRPC(service string, target netip.AddrPort, name string) *Check {
	return s.check(service, target, &ask{kind: KindGRPC, service: name})
}

func (s Settings) check(service string, target netip.AddrPort, ask *ask) *Check {
	notes := fmt.Sprintf(" every %s, timeout %s", s.Interval, s.Timeout)
	return &Check{service: service, target: target, ask: ask, shared: unique.Make(shared{settings: s, notes: notes})}
}

// Noted returns the same check with one more note, which makes it differ for Consul.
func (c Check) Noted(note string) *Check {
	common := c.shared.Value()
	common.notes += " (" + note + ")"
	c.shared = unique.Make(common)
	return &c
}

// ID returns the ID of the check of a kind that a service has. It is the check's own: check
// IDs are global on a Consul agent, and registering a taken one steals it.
func ID(service, kind string) string { return service + "." + kind }

// ID returns the check's ID.
func (c Check) ID() string { return ID(c.service, c.Kind()) }

// HasID tells whether an ID is the check's, which [Check.ID] would take memory for.
func (c Check) HasID(id string) bool {
	rest, begins := strings.CutPrefix(id, c.service)
	return begins && rest == "."+c.Kind()
}

// Kind returns which of the kinds it is.
func (c Check) Kind() string {
	if c.ask == nil {
		return KindTCP
	}
	return c.ask.kind
}

// Notes repeat what is checked and how often, since the agent does not show that of a check.
func (c Check) Notes() string {
	what, host := "TCP connect to ", ""
	switch c.Kind() {
	case KindHTTP:
		what = "GET "
		if c.ask.http.Host != "" {
			host = " for " + c.ask.http.Host
		}
	case KindGRPC:
		what = "gRPC health of "
	}
	return what + c.address() + host + c.shared.Value().notes
}

// address is the target as Consul is told it.
func (c Check) address() string {
	address := c.target.String()
	switch {
	case c.Kind() == KindHTTP && c.ask.http.TLS:
		return "https://" + address + c.ask.http.Path
	case c.Kind() == KindHTTP:
		return "http://" + address + c.ask.http.Path
	case c.Kind() == KindGRPC && c.ask.service != "":
		return address + "/" + c.ask.service
	default:
		return address
	}
}

// Equal tells whether both are the same for Consul; nil is no check.
func (c *Check) Equal(other *Check) bool { return reflect.DeepEqual(c, other) }

// Request is what is sent to Consul.
//
// There is never a DeregisterCriticalServiceAfter: it would delete what the tree
// says must exist.
func (c Check) Request() *api.AgentServiceCheck {
	settings := c.shared.Value().settings
	request := &api.AgentServiceCheck{
		CheckID:                c.ID(),
		Name:                   Name,
		Notes:                  c.Notes(),
		Interval:               settings.Interval.String(),
		Timeout:                settings.Timeout.String(),
		SuccessBeforePassing:   settings.SuccessBeforePassing,
		FailuresBeforeWarning:  settings.FailuresBeforeWarning,
		FailuresBeforeCritical: settings.FailuresBeforeCritical,
	}
	if settings.InitialStatus != Probe {
		request.Status = settings.InitialStatus
	}
	switch c.Kind() {
	case KindHTTP:
		request.HTTP = c.address()
		if host := c.ask.http.Host; host != "" {
			request.Header = map[string][]string{"Host": {host}}
		}
		if c.ask.http.TLS {
			request.TLSServerName, request.TLSSkipVerify = c.ask.http.Host, c.ask.http.Host == ""
		}
	case KindGRPC:
		request.GRPC = c.address()
	default:
		request.TCP = c.address()
	}
	return request
}

// MarshalJSON encodes the request, which is what fingerprints are made of.
func (c Check) MarshalJSON() ([]byte, error) {
	text, err := json.Marshal(c.Request())
	if err != nil {
		return nil, fmt.Errorf("encode check: %w", err)
	}
	return text, nil
}
