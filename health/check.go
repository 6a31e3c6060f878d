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

// TCP returns the check that connects to the target. The ID is the check's own:
// check IDs are global on a Consul agent, and registering a taken one steals it.
//
// There is never a DeregisterCriticalServiceAfter: it would delete what the tree
// says must exist.
func (s Settings) TCP(id string, target netip.AddrPort) *api.AgentServiceCheck {
	check := &api.AgentServiceCheck{
		CheckID:                id,
		Name:                   "NodePort",
		Notes:                  fmt.Sprintf("TCP connect to %s every %s, timeout %s", target, s.Interval, s.Timeout),
		TCP:                    target.String(),
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
