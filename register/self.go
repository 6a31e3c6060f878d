package register

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"strconv"

	"github.com/hashicorp/consul/api"
)

const (
	// MetaRole says what a service of ours is that no Service in the tree asked for.
	MetaRole = "k8s-registrar-role"
	// MetaDraining is on the daemon's own service while its node is in maintenance, for the
	// others: what the node announces is theirs then.
	MetaDraining = "k8s-registrar-draining"
	// metaScheme is how the daemon's metrics are read: http or https.
	metaScheme = "scheme"

	// The check of the daemon itself: what scrapes it finds out by itself that it is away.
	selfInterval, selfTimeout = "15s", "5s"
)

// Self is how the daemon announces itself, for Prometheus to find.
type Self struct {
	// Name is the Consul service's.
	Name string
	// Address is empty for the node's own address.
	Address string
	Port    int
	// Dial is where the Consul agent reaches the daemon.
	Dial string
	// TLS tells that the daemon speaks nothing else.
	TLS bool
	// Guarded tells that it does not answer everybody: then the check only connects.
	Guarded bool
	// Token names the token that it is registered with, as in a [Mapping].
	Token string
	// Draining tells that the node is in maintenance.
	Draining bool
}

// Daemon is the ID of the daemon's own service, the same on every node. It does not begin like those of the
// services from the tree: it is never a surplus that a plan removes, and no guard counts it.
func (o Owner) Daemon() ID { return ID(Program + "_" + o.Instance) }

// registration is the whole of it, with a fingerprint that makes any change visible.
func (s Self) registration(owner Owner) (*api.AgentServiceRegistration, error) {
	r := &api.AgentServiceRegistration{
		ID: string(owner.Daemon()), Name: s.Name, Address: s.Address, Port: s.Port,
		Meta:   map[string]string{MetaManagedBy: Program, MetaInstance: owner.Instance, MetaRole: "daemon", metaScheme: s.scheme()},
		Checks: api.AgentServiceChecks{s.check(owner)},
	}
	if s.Token != "" {
		r.Meta[MetaToken] = s.Token
	}
	if s.Draining {
		r.Meta[MetaDraining] = "true"
	}
	text, err := json.Marshal(r) // maps come out sorted
	if err != nil {
		return nil, fmt.Errorf("encode registration: %w", err)
	}
	sum := sha256.Sum256(text)
	r.Meta[MetaFingerprint] = hex.EncodeToString(sum[:16])
	return r, nil
}

func (s Self) scheme() string {
	if s.TLS {
		return "https"
	}
	return "http"
}

// check asks whether the daemon is alive, and not whether it is ready: that Consul is
// in trouble says nothing about it. The certificate is not looked at: it need not be
// made out to an address.
func (s Self) check(owner Owner) *api.AgentServiceCheck {
	target := net.JoinHostPort(s.Dial, strconv.Itoa(s.Port))
	check := &api.AgentServiceCheck{
		CheckID: string(owner.Daemon()) + ".alive", Name: "k8s-registrar is alive",
		Interval: selfInterval, Timeout: selfTimeout, Status: api.HealthPassing,
	}
	if s.Guarded {
		check.TCP = target
		return check
	}
	check.HTTP, check.TLSSkipVerify = s.scheme()+"://"+target+"/-/healthy", s.TLS
	return check
}

// Announce makes the agent hold the daemon's own service as it should be, and tells
// whether it had to be sent.
func (l *Local) Announce(ctx context.Context, self Self) (sent bool, err error) {
	want, err := self.registration(l.owner)
	if err != nil {
		return false, err
	}
	have, checks, err := l.ownSelf(ctx)
	if err != nil || same(want, have, checks) {
		return false, err
	}
	if err := l.Leader(ctx); err != nil {
		return false, err
	}
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	// The check keeps its ID whatever it is, so nothing else has to go.
	options := api.ServiceRegisterOpts{}.WithContext(ctx)
	if err := l.client.Agent().ServiceRegisterOpts(want, options); err != nil {
		return false, fmt.Errorf("register %s: %w", want.ID, err)
	}
	return true, nil
}

// Announced tells whether the daemon's own service is on the agent.
func (l *Local) Announced(ctx context.Context) (bool, error) {
	have, _, err := l.ownSelf(ctx)
	return have != nil, err
}

// Withdraw removes the daemon's own service, and tells whether there was one.
func (l *Local) Withdraw(ctx context.Context) (was bool, err error) {
	have, _, err := l.ownSelf(ctx)
	if err != nil || have == nil {
		return false, err
	}
	if err := l.Leader(ctx); err != nil {
		return false, err
	}
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	return true, l.deregister(ctx, l.owner.Daemon())
}

// ownSelf reads the daemon's own service; nil if there is none. A list is asked for,
// since the agent logs an error for a single service that is not there.
func (l *Local) ownSelf(ctx context.Context) (*api.AgentService, map[string]*api.AgentCheck, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	id := string(l.owner.Daemon())
	services, err := l.client.Agent().ServicesWithFilterOpts(fmt.Sprintf("ID == %q", id), (&api.QueryOptions{}).WithContext(ctx))
	if err != nil {
		return nil, nil, fmt.Errorf("read services from agent: %w", err)
	}
	have := services[id]
	if have == nil {
		return nil, nil, nil
	}
	if have.Meta[MetaManagedBy] != Program || have.Meta[MetaInstance] != l.owner.Instance {
		return nil, nil, fmt.Errorf("announce the daemon: %s: %w", id, ErrTaken)
	}
	checks, err := l.client.Agent().ChecksWithFilterOpts(fmt.Sprintf("ServiceID == %q", id), (&api.QueryOptions{}).WithContext(ctx))
	if err != nil {
		return nil, nil, fmt.Errorf("read checks from agent: %w", err)
	}
	return have, checks, nil
}

// same tells whether nothing has to be sent. The fingerprint stands for what the agent
// does not show.
func same(want *api.AgentServiceRegistration, have *api.AgentService, checks map[string]*api.AgentCheck) bool {
	return have != nil && have.Service == want.Name && have.Address == want.Address && have.Port == want.Port &&
		len(have.Tags) == 0 && maps.Equal(have.Meta, want.Meta) && checks[want.Checks[0].CheckID] != nil
}
