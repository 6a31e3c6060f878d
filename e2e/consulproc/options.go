package consulproc

// Options say which agents to start. The zero value is one server, ACLs off.
type Options struct {
	Binary  string // path of the Consul program; "" means the one Binary finds
	Servers int    // how many servers; 0 means 1
	Clients int    // how many client agents

	// DefaultPolicy turns ACLs on: what holds where no rule does, "deny" or "allow".
	DefaultPolicy string
	// ManagementToken is the secret, a UUID, of the token that may do everything; "" means
	// a random one. The agents use it for their own work, too, unless acl.tokens.agent is
	// configured.
	ManagementToken string

	// Config is merged into the configuration of every agent, ServerConfig then into that
	// of the servers: keys and values as in a configuration file of Consul in JSON, with
	// map[string]any for objects.
	Config, ServerConfig map[string]any
}

// A Node says what is special about one client agent.
type Node struct {
	Name   string         // "" means client-1 and so on
	Config map[string]any // merged over Options.Config
	// ConfigDir is a directory of more configuration files, which Consul reads again when it
	// is reloaded; "" means none.
	ConfigDir string
	RandomID  bool // let Consul invent a node ID and keep it in the data: Wipe changes it
}
