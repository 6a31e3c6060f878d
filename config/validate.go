package config

import (
	"fmt"
	"slices"
	"strings"
)

// conflict is what can be wrong with two settings that are each right alone.
type conflict struct {
	first, second string // the settings
	exists        bool
	sentence      string
}

// conflicts returns every conflict there can be, and says which exist in c.
func conflicts(c Config) []conflict {
	list := []conflict{
		{
			"check.timeout", "check.interval", c.Check.Timeout > c.Check.Interval,
			fmt.Sprintf("check.timeout %s is longer than check.interval %s: a probe must end before the next one begins",
				short(c.Check.Timeout), short(c.Check.Interval)),
		},
		{
			"check.failures_before_warning", "check.failures_before_critical",
			c.Check.FailuresBeforeWarning > c.Check.FailuresBeforeCritical,
			fmt.Sprintf("check.failures_before_warning %d is above check.failures_before_critical %d: Consul refuses such a check",
				c.Check.FailuresBeforeWarning, c.Check.FailuresBeforeCritical),
		},
		{
			"consul.token", "consul.token_file", c.Consul.Token != Secret{} && c.Consul.TokenFile != "",
			"consul.token and consul.token_file are both set: leave one of them empty",
		},
		{
			"consul.cert_file", "consul.key_file", (c.Consul.CertFile == "") != (c.Consul.KeyFile == ""),
			"consul.cert_file and consul.key_file need each other: set both, or neither",
		},
	}
	return slices.Concat(list, addressed(c), strangers(c), unserved(c.Telemetry), unencrypted(c.Consul))
}

// addressed finds addresses that would not be used.
func addressed(c Config) []conflict {
	given := c.Services.Address != "" && c.Services.Address != "node"
	return []conflict{
		{
			"node.address", "node.interface", c.Node.Address.IsValid() && c.Node.Interface != "",
			"node.address and node.interface are both set: leave one of them empty",
		},
		{
			"services.address", "services.dual_stack", given && c.Services.DualStack,
			"services.dual_stack announces the addresses of the node, and services.address another one: leave one of them out",
		},
	}
}

// strangers finds nodes that could not know each other.
func strangers(c Config) []conflict {
	return []conflict{{
		"spread.copies", "telemetry.announce", c.Spread.Copies > 0 && c.Telemetry.Announce == "",
		"spread.copies is set, but telemetry.announce is empty and no node would know of the others: set telemetry.announce to \"k8s-registrar\", the same on every node",
	}}
}

// unserved finds what would have no effect without a listener.
func unserved(t Telemetry) []conflict {
	sentence := "%s is set, but telemetry.listen is empty and nothing would be served"
	return []conflict{
		{"telemetry.web_config_file", "telemetry.listen", t.Listen == "" && t.WebConfigFile != "", fmt.Sprintf(sentence, "telemetry.web_config_file")},
		{"telemetry.reload", "telemetry.listen", t.Listen == "" && t.Reload, fmt.Sprintf(sentence, "telemetry.reload")},
		{"telemetry.announce", "telemetry.listen", t.Listen == "" && t.Announce != "", fmt.Sprintf(sentence, "telemetry.announce")},
	}
}

// unencrypted finds TLS settings that Consul's client would silently ignore,
// and with them send the token in the clear. An empty address is Consul's own
// business: CONSUL_HTTP_SSL may be set.
func unencrypted(c Consul) []conflict {
	plain := c.Address != "" && !strings.HasPrefix(c.Address, "https://")
	sentence := "%s is set, but consul.address does not begin with https:// and nothing would be encrypted"
	return []conflict{
		{"consul.ca_file", "consul.address", plain && c.CAFile != "", fmt.Sprintf(sentence, "consul.ca_file")},
		{"consul.cert_file", "consul.address", plain && c.CertFile != "", fmt.Sprintf(sentence, "consul.cert_file")},
		{"consul.tls_server_name", "consul.address", plain && c.TLSServerName != "", fmt.Sprintf(sentence, "consul.tls_server_name")},
	}
}
