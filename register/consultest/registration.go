package consultest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/consul/api"
)

// registration is a service as the agent will hold it, and what its checks were asked to be.
type registration struct {
	service api.AgentService
	checks  []api.AgentServiceCheck
}

// parseRegistration reads the body of a register. What it objects to, in Consul's words, is answered with 400.
func parseRegistration(body []byte) (r registration, bad string) {
	var wanted api.AgentServiceRegistration
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&wanted); err != nil {
		return r, fmt.Sprintf("Request decode failed: %v", err)
	}
	r = registration{service: serviceOf(&wanted), checks: checksOf(&wanted)}
	return r, r.fault(wanted.Weights)
}

// serviceOf fills in what Consul fills in: the ID, weights of 1, and tagged addresses for an IP address.
func serviceOf(wanted *api.AgentServiceRegistration) api.AgentService {
	service := api.AgentService{
		Kind:              wanted.Kind,
		ID:                wanted.ID,
		Service:           wanted.Name,
		Tags:              wanted.Tags,
		Meta:              wanted.Meta,
		Port:              wanted.Port,
		Address:           wanted.Address,
		TaggedAddresses:   taggedAddresses(wanted),
		Weights:           api.AgentWeights{Passing: 1, Warning: 1},
		EnableTagOverride: wanted.EnableTagOverride,
		Datacenter:        Datacenter,
	}
	if service.ID == "" {
		service.ID = wanted.Name
	}
	if service.Tags == nil {
		service.Tags = []string{}
	}
	if service.Meta == nil {
		service.Meta = map[string]string{}
	}
	if wanted.Weights != nil {
		service.Weights = *wanted.Weights
	}
	return service
}

func taggedAddresses(wanted *api.AgentServiceRegistration) map[string]api.ServiceAddress {
	ip := net.ParseIP(wanted.Address)
	if ip == nil {
		return wanted.TaggedAddresses
	}
	family := "ipv6"
	if ip.To4() != nil {
		family = "ipv4"
	}
	tagged := map[string]api.ServiceAddress{}
	for _, network := range []string{"lan_", "wan_"} {
		tagged[network+family] = api.ServiceAddress{Address: wanted.Address, Port: wanted.Port}
	}
	maps.Copy(tagged, wanted.TaggedAddresses)
	return tagged
}

// checksOf leaves out a Check that is empty; among Checks that is a mistake.
func checksOf(wanted *api.AgentServiceRegistration) []api.AgentServiceCheck {
	var checks []api.AgentServiceCheck
	if wanted.Check != nil && checkType(*wanted.Check) != "" {
		checks = append(checks, *wanted.Check)
	}
	for _, check := range wanted.Checks {
		if check != nil {
			checks = append(checks, *check)
		}
	}
	return checks
}

// fault is what is wrong with a registration, or "".
func (r registration) fault(weights *api.AgentWeights) string {
	if r.service.Service == "" {
		return "Missing service name"
	}
	if ip := net.ParseIP(r.service.Address); ip != nil && ip.IsUnspecified() {
		return "Invalid service address"
	}
	if bad := weightsFault(weights); bad != "" {
		return "Invalid Weights: " + bad
	}
	if bad := metaFault(r.service.Meta); bad != "" {
		return "Invalid Service Meta: " + bad
	}
	for _, check := range r.checks {
		if bad := checkFault(check); bad != "" {
			return "Invalid check: " + bad
		}
		if !validStatus(check.Status) {
			return "Status for checks must 'passing', 'warning', 'critical'"
		}
	}
	return ""
}

func weightsFault(w *api.AgentWeights) string {
	const most = 65535
	switch {
	case w == nil:
		return ""
	case w.Passing < 1:
		return "Passing must be greater than 0"
	case w.Warning < 0:
		return "Warning must be greater or equal than 0"
	case w.Passing > most || w.Warning > most:
		return "DNS Weight must be between 0 and 65535"
	}
	return ""
}

const (
	mostMeta     = 64
	longestKey   = 128
	longestValue = 512
	reservedMeta = "consul-"
)

var metaKey = regexp.MustCompile(`^[a-zA-Z0-9_-]+$`)

// metaFault allows 64 pairs, keys of letters, digits, _ and -, and values of 512 bytes. A key with a dot or a
// slash is not one.
func metaFault(meta map[string]string) string {
	if len(meta) > mostMeta {
		return fmt.Sprintf("Node metadata cannot contain more than %d key/value pairs", mostMeta)
	}
	for _, key := range slices.Sorted(maps.Keys(meta)) {
		if bad := metaPairFault(key, meta[key]); bad != "" {
			return fmt.Sprintf("Couldn't load metadata pair ('%s', '%s'): %s", key, meta[key], bad)
		}
	}
	return ""
}

func metaPairFault(key, value string) string {
	switch {
	case key == "":
		return "Key cannot be blank"
	case !metaKey.MatchString(key):
		return "Key contains invalid characters"
	case len(key) > longestKey:
		return fmt.Sprintf("Key is too long (limit: %d characters)", longestKey)
	case strings.HasPrefix(key, reservedMeta):
		return fmt.Sprintf("Key prefix '%s' is reserved for internal use", reservedMeta)
	case len(value) > longestValue:
		return fmt.Sprintf("Value is too long (limit: %d characters)", longestValue)
	}
	return ""
}

func checkFault(check api.AgentServiceCheck) string {
	for _, text := range []string{check.Interval, check.Timeout, check.TTL, check.DeregisterCriticalServiceAfter} {
		if _, err := time.ParseDuration(text); text != "" && err != nil {
			return err.Error()
		}
	}
	kind := checkType(check)
	probed := kind != "ttl" && kind != "alias" && kind != ""
	switch {
	case positive(check.Interval) && positive(check.TTL):
		return "Interval and TTL cannot both be specified"
	case probed && !positive(check.Interval):
		return "Interval must be > 0 for Script, HTTP, H2PING, TCP, UDP or OSService checks"
	case !probed && kind != "alias" && !positive(check.TTL):
		return "TTL must be > 0 for TTL checks"
	case check.FailuresBeforeWarning > check.FailuresBeforeCritical:
		return "FailuresBeforeWarning can't be higher than FailuresBeforeCritical"
	}
	return ""
}

func positive(duration string) bool {
	d, err := time.ParseDuration(duration)
	return err == nil && d > 0
}

// checkType is the Type that /v1/agent/checks shows.
func checkType(check api.AgentServiceCheck) string {
	switch {
	case check.GRPC != "":
		return "grpc"
	case check.HTTP != "":
		return "http"
	case check.TTL != "":
		return "ttl"
	case check.TCP != "":
		return "tcp"
	case check.UDP != "":
		return "udp"
	case check.AliasNode != "" || check.AliasService != "":
		return "alias"
	case check.DockerContainerID != "":
		return "docker"
	case len(check.Args) > 0:
		return "script"
	case check.H2PING != "":
		return "h2ping"
	}
	return ""
}

// validStatus allows what a check may be registered as; no status at all means critical.
func validStatus(status string) bool {
	switch status {
	case "", api.HealthPassing, api.HealthWarning, api.HealthCritical:
		return true
	}
	return false
}
