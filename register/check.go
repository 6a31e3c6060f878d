package register

import (
	"cmp"
	"net/netip"

	"github.com/k8s-registrar/k8s-registrar/health"
	"github.com/k8s-registrar/k8s-registrar/kvschema"
)

// check returns the check of one port of a Service; nil if none could reach it, as for
// UDP: Consul's check of a silent UDP port passes whatever is there.
func (m Mapping) check(id ID, s kvschema.Service, port int, node Node) (*health.Check, error) {
	var want kvschema.Check
	if s.Check != nil {
		want = *s.Check
	}
	target := cmp.Or(want.Port, s.Ports[port].NodePort)
	if want.Port == 0 && s.Ports[port].Protocol != "TCP" {
		return nil, nil //nolint:nilnil // no check is an answer
	}
	settings := settingsFor(m.Health, want)
	if err := settings.Check(); err != nil {
		return nil, err
	}
	address, err := node.address(s.Families)
	if err != nil {
		return nil, err
	}
	at := netip.AddrPortFrom(address, target)
	switch want.Kind {
	case "http", "https":
		request := health.HTTP{TLS: want.Kind == "https", Path: cmp.Or(want.Path, "/"), Host: want.Host}
		return settings.HTTP(string(id), at, request), nil
	case "grpc":
		return settings.GRPC(string(id), at, want.Service), nil
	default:
		return settings.TCP(string(id), at), nil
	}
}

// settingsFor are the configured ones, but for what a Service wants otherwise.
func settingsFor(configured health.Settings, want kvschema.Check) health.Settings {
	s := configured
	s.Interval = cmp.Or(want.Interval, s.Interval)
	s.Timeout = cmp.Or(want.Timeout, min(s.Timeout, s.Interval))
	s.FailuresBeforeCritical = cmp.Or(want.FailuresBeforeCritical, s.FailuresBeforeCritical)
	if want.FailuresBeforeWarning != nil {
		s.FailuresBeforeWarning = *want.FailuresBeforeWarning
	}
	if want.SuccessBeforePassing != nil {
		s.SuccessBeforePassing = *want.SuccessBeforePassing
	}
	s.InitialStatus = cmp.Or(want.InitialStatus, s.InitialStatus)
	return s
}

// checkID is the ID of a check that we make for a service.
func checkID(id ID, kind string) string { return health.ID(string(id), kind) }

// shownCheck is what the agent shows of a check that we make.
func shownCheck(check *health.Check) Check {
	return Check{ID: check.ID(), Name: health.Name, Notes: check.Notes(), Type: check.Kind()}
}
