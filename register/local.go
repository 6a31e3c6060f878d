package register

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/hashicorp/consul/api"
)

const (
	// readTimeout bounds a read from the local agent. Some of its answers wait for
	// a lock that it holds while it talks to servers without a leader.
	readTimeout = 10 * time.Second
	// leaderTimeout bounds the question for the leader, which needs no lock.
	leaderTimeout = time.Second
)

// Local is the Consul agent on this node. Its methods are the only calls of this
// package that leave the program, and Apply is the only one that writes.
type Local struct {
	client *api.Client
	owner  Owner
	// Workers is how many registrations are sent at once. Consul's agent takes them
	// one by one whatever is sent; two overlap its disk with the servers' answers.
	Workers int
	// Dial is how a NodePort is tried before its first registration.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)

	before Actual // see Recalling
	fresh  bool   // see Fresh
}

// NewLocal returns the local agent behind the client.
func NewLocal(client *api.Client, owner Owner) *Local {
	return &Local{client: client, owner: owner, Workers: 2, Dial: new(net.Dialer).DialContext}
}

// Recalling returns the same agent. What it holds, or the servers do, as it was before takes
// no more memory when it is read again.
func (l *Local) Recalling(before Actual) *Local {
	again := *l
	again.before = before
	return &again
}

// Fresh returns the same agent. What the servers hold is then what their leader holds, and
// never what a follower that lags does.
func (l *Local) Fresh() *Local {
	fresh := *l
	fresh.fresh = true
	return &fresh
}

// Node asks the agent for the node's name, its addresses, the advertised one first, and
// its meta. It needs agent:read.
func (l *Local) Node(ctx context.Context) (Node, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	var self struct {
		Config      struct{ NodeName, NodeID string }
		DebugConfig struct{ TaggedAddresses map[string]string }
		Member      struct{ Addr string }
		Meta        map[string]string
	}
	options := (&api.QueryOptions{}).WithContext(ctx)
	// Agent().Self takes no context.
	if _, err := l.client.Raw().Query("/v1/agent/self", &self, options); err != nil {
		return Node{}, fmt.Errorf("read node from agent: %w", err)
	}
	if self.Config.NodeName == "" {
		return Node{}, errors.New("read node from agent: the answer names no node")
	}
	address, err := netip.ParseAddr(self.Member.Addr)
	if err != nil {
		return Node{}, fmt.Errorf("read node from agent: advertise address: %w", err)
	}
	node := Node{Name: self.Config.NodeName, UID: self.Config.NodeID, Meta: self.Meta}
	if node.Meta == nil {
		node.Meta = map[string]string{} // known, and empty
	}
	for _, tag := range []string{"lan_ipv4", "lan_ipv6"} {
		if other, err := netip.ParseAddr(self.DebugConfig.TaggedAddresses[tag]); err == nil {
			node = node.At(other)
		}
	}
	return node.At(address), nil
}

// Token returns a name for the token that our requests carry: a digest of its
// accessor, which is no secret. It is empty if ACLs are off.
func (l *Local) Token(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	token, _, err := l.client.ACL().TokenReadSelf((&api.QueryOptions{}).WithContext(ctx))
	if err != nil {
		status, answered := errors.AsType[api.StatusError](err)
		if answered && status.Code == http.StatusUnauthorized {
			return "", nil
		}
		return "", fmt.Errorf("ask for token: %w", err)
	}
	sum := sha256.Sum256([]byte(token.AccessorID))
	return hex.EncodeToString(sum[:4]), nil
}

// Leader returns an error unless the servers have a leader. The agent answers this
// without its state lock, so asking never makes anything wait.
func (l *Local) Leader(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, leaderTimeout)
	defer cancel()
	options := (&api.QueryOptions{}).WithContext(ctx)
	leader, err := l.client.Status().LeaderWithQueryOptions(options)
	if err != nil {
		return fmt.Errorf("ask for leader: %w", err)
	}
	if leader == "" {
		return errors.New("ask for leader: the Consul servers have none")
	}
	return nil
}

// Actual reads what the agent holds, in parts if much is desired. ACLs may have cut the
// answer short, and for this endpoint the client hides the header that would tell. If only
// a part is missing that shows by itself, since what a token may not see it may not
// register either. If nothing of what is desired is to be seen, it is asked for one by
// one, see [Local.Hidden].
func (l *Local) Actual(ctx context.Context, desired Desired) (Actual, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	actual, err := l.inParts(desired, func(s shard) (Actual, error) { return l.held(ctx, s) })
	if err != nil {
		return Actual{}, err
	}
	if len(actual.Ours) == 0 {
		if err := l.Hidden(ctx, sortedIDs(desired.Want), ""); err != nil {
			return Actual{}, fmt.Errorf("read services from agent: %w", err)
		}
	}
	if actual.Marker == "" && actual.marked(ByCommand) {
		actual.Unsure = !l.unmarked(ctx)
	}
	return actual, nil
}

// held reads a part of what the agent holds.
func (l *Local) held(ctx context.Context, s shard) (Actual, error) {
	options := (&api.QueryOptions{}).WithContext(ctx)
	checks, err := l.client.Agent().ChecksWithFilterOpts(s.filter("ServiceID"), options)
	if err != nil {
		return Actual{}, fmt.Errorf("read checks from agent: %w", err)
	}
	services, err := l.client.Agent().ServicesWithFilterOpts(s.filter("ID"), options)
	if err != nil {
		return Actual{}, fmt.Errorf("read services from agent: %w", err)
	}
	return l.sort(services, checks), nil
}

// sort keeps what is ours and what stands where ours should.
func (l *Local) sort(services map[string]*api.AgentService, checks map[string]*api.AgentCheck) Actual {
	actual := Actual{Ours: map[ID]*Registered{}, Taken: map[ID]string{}}
	for id, s := range services {
		switch {
		case l.owner.Owns(id, s.Meta) && ID(id) == l.owner.marker():
			actual.Marker = Mark(s.Meta[MetaMark])
			actual.Since, _ = time.Parse(time.RFC3339, s.Meta[MetaSince]) // zero if it does not say
		case l.owner.Owns(id, s.Meta):
			actual.Ours[ID(id)] = registered(s)
		case l.owner.Claims(id):
			actual.Taken[ID(id)] = s.Service
		}
	}
	_, actual.NodeOut = checks[api.NodeMaint]
	for id, c := range checks {
		if ours, ok := actual.Ours[ID(c.ServiceID)]; ok {
			ours.Checks = ours.Checks.With(Check{ID: id, Name: c.Name, Notes: c.Notes, Type: c.Type, Status: c.Status, Output: c.Output})
		}
	}
	return actual
}

func registered(s *api.AgentService) *Registered {
	return &Registered{
		ID:                ID(s.ID),
		Name:              s.Service,
		Address:           s.Address,
		Port:              s.Port,
		TaggedAddresses:   s.TaggedAddresses,
		Tags:              s.Tags,
		Meta:              NewMeta(s.Meta),
		Weights:           s.Weights,
		EnableTagOverride: s.EnableTagOverride,
	}
}
