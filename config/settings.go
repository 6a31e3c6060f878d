package config

import (
	"flag"
	"slices"
	"strings"
	"time"
)

// Setting is one thing an operator can decide. Its Value parses a text into
// the Config the Setting belongs to, and prints what that Config holds.
type Setting struct {
	Name  string // as in "check.interval": the block and the key in the file
	Usage string // one line for a help text, with the `PLACEHOLDER` of the value in backquotes
	flag.Value
}

// Env returns the name of the environment variable, such as
// K8S_REGISTRAR_CHECK_INTERVAL.
func (s Setting) Env() string {
	return "K8S_REGISTRAR_" + strings.ToUpper(strings.ReplaceAll(s.Name, ".", "_"))
}

// Flag returns the name of the flag without its dashes, such as
// check-interval.
func (s Setting) Flag() string {
	return strings.NewReplacer(".", "-", "_", "-").Replace(s.Name)
}

// IsBool says that the flag may stand without a value, for true.
func (s Setting) IsBool() bool {
	_, ok := s.Value.(variable[bool])
	return ok
}

// isList and isTable say how the setting is written in a file.
func (s Setting) isList() bool {
	_, ok := s.Value.(variable[[]string])
	return ok
}

func (s Setting) isTable() bool {
	_, ok := s.Value.(variable[map[string]string])
	return ok
}

// Settings returns every setting of c, in the order of reference.hcl. Setting
// one changes c.
func (c *Config) Settings() []Setting {
	return slices.Concat([]Setting{
		{"key_path", "watch `PATH`/deployments/ in Consul's KV store", of(&c.KeyPath, keyPath)},
		{"instance", "mark the services as those of `NAME`", of(&c.Instance, instance)},
		{"on_stop", "when told to stop `DO` this with the services: keep, maintenance or deregister", of(&c.OnStop, oneOf(Keep, Maintenance, Deregister))},
	},
		c.Consul.settings(), c.Node.settings(), c.Services.settings(), c.Traefik.settings(), c.Check.settings(), c.Watch.settings(),
		c.Reconcile.settings(), c.Guard.settings(), c.Spread.settings(), c.Telemetry.settings(), c.Log.settings())
}

func (c *Consul) settings() []Setting {
	return []Setting{
		{"consul.address", "reach the local Consul agent at `ADDRESS`", of(&c.Address, consulAddress)},
		{"consul.token", "show Consul this `TOKEN` (better in a file: others can see a command line)", of(&c.Token, token)},
		{"consul.token_file", "show Consul the token in `FILE`", of(&c.TokenFile, plainText)},
		{"consul.ca_file", "trust the authority in `FILE` (PEM)", of(&c.CAFile, plainText)},
		{"consul.cert_file", "show Consul the certificate in `FILE` (PEM)", of(&c.CertFile, plainText)},
		{"consul.key_file", "use the private key in `FILE` (PEM)", of(&c.KeyFile, plainText)},
		{"consul.tls_server_name", "expect `NAME` in the agent's certificate", of(&c.TLSServerName, plainText)},
	}
}

func (n *Node) settings() []Setting {
	return []Setting{
		{"node.address", "let health checks dial `IP`", of(&n.Address, ip)},
		{"node.interface", "let them dial the addresses of the network interface `NAME`", of(&n.Interface, device)},
	}
}

func (s *Services) settings() []Setting {
	return []Setting{
		{"services.types", "announce Services of `TYPES` NodePort, LoadBalancer", of(&s.Types, someOf(oneOf("NodePort", "LoadBalancer")))},
		{"services.ports", "announce the `WHICH` first port of a Service, or all", of(&s.Ports, oneOf("first", "all"))},
		{"services.name", "call it `TEMPLATE` with {namespace} and {name}", of(&s.Name, nameTemplate)},
		{"services.namespaces", "announce only `PATTERNS` of namespaces; empty: all", of(&s.Namespaces, listOf(namespacePattern))},
		{"services.except_namespaces", "do not announce `PATTERNS` of namespaces", of(&s.ExceptNamespaces, listOf(namespacePattern))},
		{"services.opt_in", "announce only Services that ask for it", of(&s.OptIn, boolean)},
		{"services.tags", "add `TAGS` to every service", of(&s.Tags, listOf(tag))},
		{"services.meta", "add `NAME=VALUE,...` to the meta of every service", of(&s.Meta, tableOf(metaPair))},
		{"services.weight", "give every service the weight `N`", of(&s.Weight, wholeIn(1, 65535))},
		{"services.address", "announce every service at `ADDRESS`, an IP address or node; empty: leave it to Consul", of(&s.Address, serviceAddress)},
		{"services.dual_stack", "announce the node's IPv4 and IPv6 addresses", of(&s.DualStack, boolean)},
	}
}

func (t *Traefik) settings() []Setting {
	return []Setting{
		{"traefik.generation", "announce tags for Traefik `GENERATION` v1, v3 or both", of(&t.Generation, oneOf("v1", "v3", "both"))},
		{"traefik.constraint", "expect Traefik's constraints to ask for `TAG`; empty: there are none", of(&t.Constraint, tag)},
		{"traefik.exposed_by_default", "expect Traefik to route services without traefik.enable", of(&t.ExposedByDefault, boolean)},
		{"traefik.tls_entry_points", "expect the entry points `NAMES` to speak TLS", of(&t.TLSEntryPoints, listOf(entryPoint))},
		{"traefik.severity", "let findings `RULE=SEVERITY,...` be refuse, warn or off", of(&t.Severity, tableOf(severity))},
	}
}

func (c *Check) settings() []Setting {
	return []Setting{
		{"check.interval", "probe every port each `DURATION`", of(&c.Interval, durationIn(time.Second, time.Hour))},
		{"check.timeout", "give up a probe after `DURATION`", of(&c.Timeout, durationIn(time.Millisecond, time.Hour))},
		{"check.failures_before_critical", "call a service critical after `N` failures", of(&c.FailuresBeforeCritical, wholeIn(1, 1000))},
		{"check.failures_before_warning", "call it warning after `N` failures; 0: never", of(&c.FailuresBeforeWarning, wholeIn(0, 1000))},
		{"check.success_before_passing", "call it passing after `N` successes; 0: Consul's default", of(&c.SuccessBeforePassing, wholeIn(0, 1000))},
		{"check.initial_status", "register with `STATUS` probe, passing or critical", of(&c.InitialStatus, oneOf("probe", "passing", "critical"))},
	}
}

func (w *Watch) settings() []Setting {
	return []Setting{
		{"watch.wait", "let Consul hold a query for `DURATION`", of(&w.Wait, durationIn(time.Second, 10*time.Minute))},
		{"watch.min_interval", "read at most once per `DURATION`", of(&w.MinInterval, durationIn(10*time.Millisecond, time.Minute))},
		{"watch.full_read", "read the whole tree each `DURATION`", of(&w.FullRead, durationIn(time.Minute, 24*time.Hour))},
		{"watch.queries", "let up to `N` queries wait for changes at once", of(&w.Queries, wholeIn(2, 150))},
	}
}

func (r *Reconcile) settings() []Setting {
	return []Setting{
		{"reconcile.resync", "compare with the agent each `DURATION`", of(&r.Resync, durationIn(time.Second, time.Hour))},
		{"reconcile.verify", "compare the catalog with the agent each `DURATION`", of(&r.Verify, durationIn(10*time.Second, 24*time.Hour))},
		{"reconcile.workers", "send `N` registrations at once", of(&r.Workers, wholeIn(1, 8))},
	}
}

func (g *Guard) settings() []Setting {
	return []Setting{
		{"guard.min", "remove up to `N` services without asking", of(&g.Min, wholeIn(0, 1_000_000))},
		{"guard.percent", "remove up to `N` percent of the services without asking", of(&g.Percent, wholeIn(0, 100))},
		{"guard.allow_removals", "remove any number of services without asking", of(&g.AllowRemovals, boolean)},
	}
}

func (s *Spread) settings() []Setting {
	return []Setting{
		{"spread.copies", "announce every service from `N` of the nodes; 0: from all", of(&s.Copies, wholeIn(0, 100_000))},
		{"spread.hold", "let a node that is gone keep its share for `DURATION`", of(&s.Hold, durationIn(0, 10*time.Minute))},
		{"spread.settle", "let a node that came wait `DURATION` for a share", of(&s.Settle, durationIn(0, time.Hour))},
	}
}

func (t *Telemetry) settings() []Setting {
	return []Setting{
		{"telemetry.listen", "serve metrics and status at `ADDRESS`; empty: nowhere", of(&t.Listen, listenAddress)},
		{"telemetry.web_config_file", "take TLS and passwords from `FILE`, as Prometheus' exporters do", of(&t.WebConfigFile, plainText)},
		{"telemetry.reload", "let POST /-/reload read the configuration again", of(&t.Reload, boolean)},
		{"telemetry.announce", "announce the daemon itself in Consul as service `NAME`", of(&t.Announce, serviceName)},
	}
}

func (l *Log) settings() []Setting {
	return []Setting{
		{"log.level", "log from `LEVEL` trace, debug, info, warn or error upwards", of(&l.Level, oneOf("trace", "debug", "info", "warn", "error"))},
		{"log.format", "log as `FORMAT` text or json", of(&l.Format, oneOf("text", "json"))},
	}
}
