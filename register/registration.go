package register

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/k8s-registrar/k8s-registrar/health"
	"github.com/k8s-registrar/k8s-registrar/kvschema"
)

// Registration is a service as it should be on the local agent: what we control,
// and nothing that Consul fills in by itself.
type Registration struct {
	ID   ID
	Name string
	// Address is empty for the node's own address.
	Address string
	Port    int
	// TaggedAddresses are those that we want, by the names that Consul knows; it adds
	// others by itself.
	TaggedAddresses map[string]api.ServiceAddress `json:",omitempty"`
	// Weights are nil for Consul's own, 1 and 1.
	Weights *api.AgentWeights `json:",omitempty"`
	// Tags are sorted; Consul compares them in order.
	Tags []string
	// Meta includes the fingerprint.
	Meta Meta
	// Check is nil for a port that no TCP check could reach.
	Check *health.Check

	// Copies is how many of the nodes that Nodes selects announce it; 0 for all. Neither is
	// sent to Consul.
	Copies int               `json:"-"`
	Nodes  kvschema.Selector `json:"-"`
}

// Key returns the KV key that asks for the registration.
func (r Registration) Key() string { return r.Meta.Of(MetaKey) }

// stamp puts the fingerprint into the meta. It makes visible that a check is
// configured differently, which the agent's list of services does not show.
func (r *Registration) stamp() error {
	r.Meta = r.Meta.Without(MetaFingerprint)
	text, err := json.Marshal(r) // maps come out sorted
	if err != nil {
		return fmt.Errorf("encode registration: %w", err)
	}
	sum := sha256.Sum256(text)
	r.Meta = r.Meta.With(MetaFingerprint, hex.EncodeToString(sum[:16]))
	return nil
}

// weights are what Consul shows.
func (r Registration) weights() api.AgentWeights {
	if r.Weights == nil {
		return api.AgentWeights{Passing: 1, Warning: 1}
	}
	return *r.Weights
}

// registered is what the agent shows of it, but for what Consul fills in and the status of
// its check.
func (r Registration) registered() *Registered {
	return &Registered{
		ID:              r.ID,
		Name:            r.Name,
		Address:         r.Address,
		Port:            r.Port,
		TaggedAddresses: r.TaggedAddresses,
		Tags:            r.Tags,
		Meta:            r.Meta,
		Weights:         r.weights(),
		Checks:          Checks{own: r.Check},
	}
}

// request is what is sent to Consul.
func (r Registration) request(status string) *api.AgentServiceRegistration {
	request := &api.AgentServiceRegistration{
		ID:              string(r.ID),
		Name:            r.Name,
		Address:         r.Address,
		TaggedAddresses: r.TaggedAddresses,
		Port:            r.Port,
		Tags:            r.Tags,
		Meta:            r.Meta.Map(),
		Weights:         r.Weights,
	}
	if r.Check != nil {
		check := r.Check.Request()
		check.Status = cmp.Or(status, check.Status)
		request.Checks = api.AgentServiceChecks{check}
	}
	return request
}

// Registered is a service of ours as the local agent holds it. It is never changed; nil is one
// that is not there, and has no key, no checks and no mark.
type Registered struct {
	ID      ID
	Name    string
	Address string
	Port    int
	// TaggedAddresses include those that Consul fills in.
	TaggedAddresses map[string]api.ServiceAddress
	Tags            []string
	Meta            Meta
	// Weights are 1 and 1 unless somebody set others.
	Weights api.AgentWeights
	// EnableTagOverride is true only if somebody else set it.
	EnableTagOverride bool
	// Checks are all checks of the service, an operator's own and
	// maintenance mode included.
	Checks Checks
}

// meta and checks are empty of a service that is not there.
func (r *Registered) meta() Meta {
	if r == nil {
		return Meta{}
	}
	return r.Meta
}

func (r *Registered) checks() Checks {
	if r == nil {
		return Checks{}
	}
	return r.Checks
}

// Key returns the KV key that asked for the registration.
func (r *Registered) Key() string { return r.meta().Of(MetaKey) }

// Status returns the worst status of the service's checks; passing without any, and
// "maintenance" in maintenance mode, which is how Consul counts. It is empty if a check is
// too new to have one.
func (r *Registered) Status() string {
	if _, on := r.Maintenance(); on {
		return api.HealthMaint
	}
	statuses := map[string]bool{}
	checks := r.checks()
	if checks.own != nil {
		statuses[checks.status] = true
	}
	for _, check := range checks.others {
		statuses[check.Status] = true
	}
	for _, worst := range []string{api.HealthCritical, "", api.HealthWarning} {
		if statuses[worst] {
			return worst
		}
	}
	return api.HealthPassing
}

// Desired is the whole truth about what this node should announce.
type Desired struct {
	Want map[ID]Registration
	// Keep holds the KV keys that exist but cannot be read or mapped now. What is
	// registered for them stays as it is.
	Keep map[string]struct{}
	// Elsewhere holds what other nodes announce in place of this one, by KV key. What is
	// registered of it here may go, and nothing is lost by that.
	Elsewhere map[string][]Registration
}

// Announced returns the KV keys that something is announced for, under whatever ID and
// on whichever node.
func (d Desired) Announced() map[string]bool {
	keys := make(map[string]bool, len(d.Want))
	for _, want := range d.Want {
		keys[want.Key()] = true
	}
	for key := range d.Elsewhere {
		keys[key] = true
	}
	return keys
}

// Moved returns a function that tells whether what a KV key had announced under a name and
// a port has only moved: the key announces one of them still, under whatever ID, or on other
// nodes.
func (d Desired) Moved() func(key, name string, port int) bool {
	type place struct {
		key, name string
		port      int
	}
	places := map[place]bool{}
	note := func(want Registration) {
		places[place{key: want.Key(), name: want.Name}] = true
		places[place{key: want.Key(), port: want.Port}] = true
	}
	for _, want := range d.Want {
		note(want)
	}
	for _, wants := range d.Elsewhere {
		for _, want := range wants {
			note(want)
		}
	}
	return func(key, name string, port int) bool {
		return places[place{key: key, name: name}] || places[place{key: key, port: port}]
	}
}

// Actual is what the local agent holds.
type Actual struct {
	// Ours are the services that we own.
	Ours map[ID]*Registered
	// Taken are services that have an ID of ours but are not ours.
	Taken map[ID]string
	// Marker is the mark of the marker, see [Local.Mark]; empty if there is none.
	Marker Mark
	// Since is since when the marker is there; zero if it does not say.
	Since time.Time
	// Unsure tells that there may be a marker though none is to be seen.
	Unsure bool
	// NodeOut tells that the whole node is in Consul's maintenance mode.
	NodeOut bool
}
