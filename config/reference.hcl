# Configuration of k8s-registrar: every setting, with its default.
#
# A setting that is left out has its default. Each one can also be given as an
# environment variable or as a flag, which win over this file, the flag over
# the variable: check { interval } is K8S_REGISTRAR_CHECK_INTERVAL and
# --check-interval. Texts and durations are written in quotes; the units of a
# duration are ms, s, m and h. "k8s-registrar validate" checks this file.
#
# HUP reads it again. What cannot change while the daemon runs is marked with
# "Needs a restart": if it has changed, all of the new configuration is refused
# and the old one goes on. A restart is no outage: services stay registered.

# The key_path of k8s-deployer, without a slash at either end. The tree that is
# watched is <key_path>/deployments/: do not write "deployments" here. If
# k8s-deployer has one path for each cluster, as in "kubernetes/blue", use that.
# Needs a restart.
key_path = "kubernetes"

# Whose services these are: 1 to 32 of a-z, 0-9 and "-". Only services marked
# with this name are ever changed or removed. Two registrars that share an
# agent, for two clusters, need two names; one alone needs no other. After a
# change the services under the old name stay until you deregister them. Needs a
# restart.
instance = "default"

# What becomes of the services when the daemon is told to stop (TERM or INT).
# "keep" leaves them as they are: their checks guard them, and a restart is not
# noticed. "maintenance" takes them out of the load balancers until the next
# start has compared with the tree, and "deregister" removes them and then the
# service that announces the daemon itself: both make every restart an outage of
# this node, so they are for nodes whose daemon stops only when the node does.
# What cannot be done within four seconds is left, and the log says how much:
# Consul's agent takes some milliseconds for a service, and with thousands of
# them up to a tenth of a second. There use "k8s-registrar maintenance on
# --wait" before the stop.
on_stop = "keep"

consul {
  # The local Consul agent: host:port, http://, https:// or unix:///path. Empty
  # leaves it to CONSUL_HTTP_ADDR, and without that to Consul's own default,
  # 127.0.0.1:8500. It must be the agent of this node, never a remote one or a
  # load balancer: services are registered at whichever agent answers. Needs a
  # restart.
  address = ""

  # The ACL token, or the path of a file that holds it; not both. Empty leaves
  # it to CONSUL_HTTP_TOKEN and CONSUL_HTTP_TOKEN_FILE. A file is better: it has
  # permissions of its own and can be replaced while the daemon runs.
  token      = ""
  token_file = ""

  # TLS, for an address that begins with https://: the authority that signed
  # the agent's certificate, the certificate and key to show to the agent, and
  # the name to expect in its certificate instead of the address. All files are
  # PEM, and are read again when they change: new ones are used once the agent
  # is reached with them. Empty leaves it to CONSUL_CACERT, CONSUL_CLIENT_CERT,
  # CONSUL_CLIENT_KEY and CONSUL_TLS_SERVER_NAME.
  ca_file         = ""
  cert_file       = ""
  key_file        = ""
  tls_server_name = ""
}

node {
  # The IP address that health checks dial. Empty is the advertise address of
  # the local Consul agent, which is where others find the services too. Not
  # 127.0.0.1: a NodePort answers there only in some modes of kube-proxy.
  address = ""

  # The network interface whose addresses are used instead, such as "eth1". For
  # a fleet whose nodes have their services on another network than Consul: one
  # file does for all of them, as one with an address does not.
  interface = ""
}

# What a Service is announced as. Its annotations may say more, which is in
# docs/annotations.md. A list is written ["a", "b"] here, and a,b in a variable
# or flag, where a comma within an element has a backslash before it.
services {
  # The types that are announced: "NodePort", and perhaps "LoadBalancer", whose
  # ports are on every node too. Only NodePort, as consul-template's plugin did.
  # Needs a restart.
  types = ["NodePort"]

  # "first" announces the first port of a Service, as the plugin did. "all" has
  # the others announced as <name>-<port name> besides. Needs a restart.
  ports = "first"

  # What a Service is called in Consul: a DNS label with {name} and perhaps
  # {namespace}. With "{name}", as the plugin had it, only the oldest of several
  # Services of one name is announced; "{namespace}-{name}" gives each its own.
  # Needs a restart.
  name = "{name}"

  # The namespaces that are announced, with * and ? as in "team-*"; empty is
  # all. Needs a restart.
  namespaces = []

  # Those that are not, whatever namespaces says. Needs a restart.
  except_namespaces = []

  # true announces only the Services with the annotation
  # k8s-registrar/announce: "true". With false those with
  # k8s-registrar/ignore: "true" are left out. Needs a restart.
  opt_in = false

  # Tags that every service gets. They must be the same on every node: Traefik 2
  # and 3 delete what two nodes define differently. Needs a restart.
  tags = []

  # Meta that every service gets, such as { team = "shop" }. It may differ from
  # node to node. Needs a restart.
  meta = {}

  # The weight of this node's services in answers of Consul's DNS, 1 to 65535: a
  # larger node may take more. Traefik does not look at it. Needs a restart.
  weight = 1

  # The address that services are announced at. Empty leaves it to Consul, which
  # has one for the node; "node" is the address that health checks dial; an IP
  # address is that one. Needs a restart.
  address = ""

  # true announces the node's IPv4 and IPv6 addresses for a Service that has
  # both, for those who ask Consul's DNS for AAAA. They are those of the
  # interface above, or else what the Consul agent advertises. Needs a restart.
  dual_stack = false
}

# What the site's Traefiks are. See docs/traefik.md.
traefik {
  # "v1" announces the annotations of a Service as they are, for Traefik 1.7.
  # "v3" translates those of Traefik 1.7 into what Traefik 2 and 3 read, "both"
  # announces the two side by side. v1, as the plugin had it. Needs a restart.
  generation = "v1"

  # The tag that Traefik's constraints ask for: "kubernetes" for
  # constraints = ["tag==kubernetes"] in Traefik 1.7 and Tag(`kubernetes`) in 2
  # and 3. Empty is no constraint. It changes no tag: it tells which services
  # Traefik will not see. Needs a restart.
  constraint = ""

  # exposedByDefault of Traefik's own configuration, whose default is true. With
  # false only services with traefik.enable: "true" are routed.
  # Needs a restart.
  exposed_by_default = true

  # The entry points that speak TLS in Traefik 1.7. In Traefik 2 and 3 that is a
  # matter of each router, so they get one of their own. Needs a restart.
  tls_entry_points = ["https"]

  # What becomes of a Service that Traefik would make something of that nobody
  # can have meant, by rule: "refuse" keeps it as it was last announced, "warn"
  # announces it and says so, "off" says nothing. What would harm other services
  # is refused unless said otherwise, as in { v1-freeze = "warn" }.
  # Needs a restart.
  severity = {}
}

check {
  # The time between two probes of a port, at least "1s". 10s finds a dead
  # service in about 20s and costs Consul's agent about 5 % of a core for 1000
  # services. With more services, add 10s per thousand.
  interval = "10s"

  # How long a probe may take, at most as long as the interval. A port on this
  # very node answers within milliseconds; 2s forgives a busy one.
  timeout = "2s"

  # The failed probes in a row that make a service critical and take it out of
  # the load balancers. 2, so that one lost packet or a restarting kube-proxy
  # does not empty them.
  failures_before_critical = 2

  # The failed probes in a row that make a service warning, at most as many as
  # above. 0 is off: Traefik drops a warning service like a critical one.
  failures_before_warning = 0

  # The successful probes in a row that make a service passing again. 0 leaves
  # it to Consul, where the first one is enough: a service should be back at
  # once.
  success_before_passing = 0

  # The status a new service begins with: "passing", "critical", or "probe",
  # which dials the port once and tells what was seen. Only "probe" neither
  # sends requests to a dead port nor holds back a living one for an interval.
  initial_status = "probe"
}

watch {
  # How long Consul may hold a query that waits for a change, "1s" to "10m". A
  # change is answered at once whatever this says. 55s stays below the idle
  # timeouts of one minute that proxies and firewalls like. Needs a restart.
  wait = "55s"

  # The shortest time between two reads while changes keep coming, "10ms" to
  # "1m". The first change is read at once; those right behind it share a read,
  # which spares Consul's servers a read from every node for every key. Needs a
  # restart.
  min_interval = "100ms"

  # The time between two reads of the whole tree, "1m" to "24h", whether
  # anything changed or not: a net below the watch. 20m is rare enough to cost
  # nothing. Needs a restart.
  full_read = "20m"

  # How many queries may wait for changes at once, 2 to 150. The tree is watched
  # in so many parts at most, and a change costs what its part costs: with 64 a
  # tree of 2000 services is as quick as one of 30. Each is a connection, of the
  # 200 that Consul's agent allows to all programs on this node together; with
  # fewer than 64 to spare set less. Over HTTPS all share one connection. Needs
  # a restart.
  queries = 64
}

reconcile {
  # The time between two full comparisons with the local agent when nothing
  # seems to have changed, "1s" to "1h". Most drift is seen at once; this finds
  # the rest, for a few milliseconds of work. With thousands of services it is
  # more, and then the time is up to six times as long, so that comparing takes
  # no more than a thousandth of it.
  resync = "45s"

  # The time between two comparisons of the servers' catalog with the agent when
  # nothing seems to have changed, "10s" to "24h". An agent that accepted a
  # service may still have failed to tell the servers, and only they know.
  verify = "5m"

  # The registrations under way at once, 1 to 8. The agent handles them one
  # after the other, so more than 2 are slower, not faster.
  workers = 2
}

# How many services may be removed from this node before a human is asked: the
# larger one of min and percent, within ten minutes. If there are more, all of
# them wait for "k8s-registrar approve"; new and changed services go on.
guard {
  # A number of services. 10 lets ordinary days pass on small nodes, where a
  # percentage is less than one service.
  min = 10

  # A percentage of the services that are ours, 0 to 100. A fifth is more than
  # anybody undeploys on purpose in ten minutes, and less than an outage.
  percent = 20

  # true removes whatever the tree no longer holds, without asking. Better for
  # a planned move than for ever: set it, restart, and take it back.
  allow_removals = false
}

# From how many nodes a service is announced. See docs/scaling.md.
spread {
  # A number of nodes; 0 is all of them. With 3, Consul's servers hold three
  # instances of each service and not one for each node: for fleets where nodes
  # times services are too many for them. The daemons share the services out
  # among themselves, and know each other by telemetry.announce, which has to be
  # the same name on every node. One that does not know the others announces
  # everything. The annotation k8s-registrar/spread says it for one Service;
  # with more copies here than nodes only those that ask for fewer are spread.
  copies = 0

  # How long a node that is gone keeps its share, "0s" to "10m". Consul takes
  # some seconds to find that a node is dead; 5s more let it come back from a
  # short interruption without anything moving. A daemon that alone is away,
  # while the Consul agent of its node is not, has a minute: what it has
  # announced goes on.
  hold = "5s"

  # How long a node that came waits for its share, "0s" to "1h". 30s keep one
  # that comes and goes from moving services each time.
  settle = "30s"
}

telemetry {
  # Where metrics, health and status are served, as host:port. No host means
  # all addresses, and an empty text turns the listener off. 28500 is outside
  # the range of NodePorts, 30000 to 32767, and of the usual exporters.
  # Needs a restart.
  listen = ":28500"

  # TLS and passwords for it, in the web configuration file that all exporters
  # of Prometheus have, with tls_server_config and basic_auth_users. Without it
  # everybody who reaches the port can read everything. What is in the file may
  # change at any time; its path needs a restart.
  web_config_file = ""

  # true lets POST /-/reload read the configuration again, as HUP does. Off,
  # since whoever reaches the port could make the daemon read files. Needs a
  # restart.
  reload = false

  # The name under which the daemon announces itself in Consul, with a check of
  # its own, for Prometheus to find: "k8s-registrar" is a good one. Off, since
  # the token then needs to write a service of that name too.
  announce = ""
}

log {
  # "trace", "debug", "info", "warn" or "error". info has a line for each
  # service that changed and is silent when nothing did.
  level = "info"

  # "text" for people, "json" for machines. Both go to standard error. Needs a
  # restart.
  format = "text"
}
