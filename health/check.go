package health

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/hashicorp/consul/api"
)

// What InitialStatus may say besides Consul's own "passing" and "critical".
const (
	// Probe has the port dialled once at its first registration, and registered
	// with the status that was seen: neither is a dead port announced until its
	// first check, nor does a live one wait for it.
	Probe = "probe"
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

// Check is how Consul tries a service. It has those fields of Consul's own that we use, by
// the same names and in the same order, so that in JSON it is the same as [Check.Request]:
// there are thousands, and Consul's have room for much that we do not use.
type Check struct {
	CheckID       string              `json:",omitempty"`
	Name          string              `json:",omitempty"`
	Interval      string              `json:",omitempty"`
	Timeout       string              `json:",omitempty"`
	HTTP          string              `json:",omitempty"`
	Header        map[string][]string `json:",omitempty"`
	TCP           string              `json:",omitempty"`
	Status        string              `json:",omitempty"`
	Notes         string              `json:",omitempty"`
	TLSServerName string              `json:",omitempty"`
	TLSSkipVerify bool                `json:",omitempty"`
	GRPC          string              `json:",omitempty"`

	SuccessBeforePassing   int `json:",omitempty"`
	FailuresBeforeWarning  int `json:",omitempty"`
	FailuresBeforeCritical int `json:",omitempty"`
}

// Request is what is sent to Consul.
//
// There is never a DeregisterCriticalServiceAfter: it would delete what the tree
// says must exist.
func (c Check) Request() *api.AgentServiceCheck {
	return &api.AgentServiceCheck{
		CheckID:                c.CheckID,
		Name:                   c.Name,
		Interval:               c.Interval,
		Timeout:                c.Timeout,
		HTTP:                   c.HTTP,
		Header:                 c.Header,
		TCP:                    c.TCP,
		Status:                 c.Status,
		Notes:                  c.Notes,
		TLSServerName:          c.TLSServerName,
		TLSSkipVerify:          c.TLSSkipVerify,
		GRPC:                   c.GRPC,
		SuccessBeforePassing:   c.SuccessBeforePassing,
		FailuresBeforeWarning:  c.FailuresBeforeWarning,
		FailuresBeforeCritical: c.FailuresBeforeCritical,
	}
}

// TCP returns the check that connects to the target. The ID is the check's own:
// check IDs are global on a Consul agent, and registering a taken one steals it.
func (s Settings) TCP(id string, target netip.AddrPort) *Check {
	check := s.check(id, "TCP connect to "+target.String())
	check.TCP = target.String()
	return check
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

// HTTP returns the check that sends a GET. A status of 2xx is passing, 429 is warning,
// anything else is critical.
func (s Settings) HTTP(id string, target netip.AddrPort, request HTTP) *Check {
	scheme := "http"
	if request.TLS {
		scheme = "https"
	}
	address := scheme + "://" + target.String() + request.Path
	what := "GET " + address
	if request.Host != "" {
		what += " for " + request.Host
	}
	check := s.check(id, what)
	check.HTTP = address
	if request.Host != "" {
		check.Header = map[string][]string{"Host": {request.Host}}
	}
	if request.TLS {
		check.TLSServerName, check.TLSSkipVerify = request.Host, request.Host == ""
	}
	return check
}

// GRPC returns the check that asks for the health of a service by gRPC's own protocol
// for it; without a name for that of the whole server.
func (s Settings) GRPC(id string, target netip.AddrPort, service string) *Check {
	address := target.String()
	if service != "" {
		address += "/" + service
	}
	check := s.check(id, "gRPC health of "+address)
	check.GRPC = address
	return check
}

// check is what all checks have. The notes repeat what is checked and how often, since
// the agent does not show that of a check.
func (s Settings) check(id, what string) *Check {
	check := &Check{
		CheckID:                id,
		Name:                   "NodePort",
		Notes:                  fmt.Sprintf("%s every %s, timeout %s", what, s.Interval, s.Timeout),
		Interval:               s.Interval.String(),
		Timeout:                s.Timeout.String(),
		SuccessBeforePassing:   s.SuccessBeforePassing,
		FailuresBeforeWarning:  s.FailuresBeforeWarning,
		FailuresBeforeCritical: s.FailuresBeforeCritical,
	}
	if s.InitialStatus != Probe {
		check.Status = s.InitialStatus
	}
	return check
}
