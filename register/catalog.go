package register

import (
	"context"
	"errors"
	"fmt"

	"github.com/hashicorp/consul/api"
)

// ErrAnotherNode means that the servers know the node by another ID than its agent has,
// as after the loss of the agent's data. Until they give the name up, which takes the
// absence of the agent for half a minute, they take nothing from it. What they hold may
// look right meanwhile, and a registration of what they hold ends in a broken connection.
var ErrAnotherNode = errors.New("the servers take nothing from this Consul agent: they reserve the name of the node to another node ID")

// ErrUnverified means that Consul did not show all of what it holds for the node, so
// that nothing can be said about what seems to be missing.
var ErrUnverified = errors.New("the catalog cannot be verified: grant node read and service read on all of this node")

// Divergence is a service that the local agent holds as it should, and the servers
// do not.
type Divergence struct {
	ID ID
	// What says in words what the servers hold instead.
	What string
	// ByAgent tells that it is the local agent's to mend, which compares itself with the
	// servers every minute or two. They hold a service that it does not, and nothing that
	// we send would help; or they lack one that is in maintenance mode, which we would
	// bring back without that.
	ByAgent bool
}

// Cataloged reads what the servers hold for a node, in parts if much is desired. The
// agent's 200 does not mean that they hold what it was told: a refusal by ACLs or a rate
// limit, a missing leader or a change by somebody else is only to be seen here.
//
// Without a token and with ACLs that deny by default, Consul does not say that it
// has hidden something; token tells that there is one.
func (l *Local) Cataloged(ctx context.Context, node Node, desired Desired, token bool) (Actual, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	return l.inParts(desired, func(s shard) (Actual, error) {
		services, checks, err := l.cataloged(ctx, s, node, token)
		return l.sort(services, checks), err
	})
}

// cataloged reads a part of what the servers hold for a node.
func (l *Local) cataloged(ctx context.Context, s shard, node Node, token bool) (map[string]*api.AgentService, map[string]*api.AgentCheck, error) {
	options := (&api.QueryOptions{AllowStale: !l.fresh, Filter: s.filter("ServiceID")}).WithContext(ctx)
	checks, meta, err := l.client.Health().Node(node.Name, options)
	if err == nil {
		err = complete(meta, token)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("read checks from catalog: %w", err)
	}
	options.Filter = s.filter("ID")
	list, meta, err := l.client.Catalog().NodeServiceList(node.Name, options)
	if err == nil {
		err = complete(meta, token)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("read services from catalog: %w", err)
	}
	if known := list.Node; known != nil && known.ID != node.UID && known.ID != "" && node.UID != "" {
		return nil, nil, fmt.Errorf("%w: %s, and the agent has %s: stop it for a minute, or give it its old data or node_id again", ErrAnotherNode, known.ID, node.UID)
	}
	services, byID := map[string]*api.AgentService{}, map[string]*api.AgentCheck{}
	for _, s := range list.Services {
		services[s.ID] = s
	}
	for _, c := range checks {
		byID[c.CheckID] = agentCheck(c)
	}
	return services, byID, nil
}

// agentCheck is a check as the agent's own list has it.
func agentCheck(c *api.HealthCheck) *api.AgentCheck {
	return &api.AgentCheck{ServiceID: c.ServiceID, Name: c.Name, Notes: c.Notes, Type: c.Type, Status: c.Status, Output: c.Output}
}

func complete(meta *api.QueryMeta, token bool) error {
	if meta.ResultsFilteredByACLs || !token && meta.DefaultACLPolicy != "allow" {
		return ErrUnverified
	}
	return nil
}

// Diverge compares what the servers hold with what the local agent holds, for every
// service that the agent holds as desired. The others are the plan's matter.
func Diverge(desired Desired, local, catalog Actual) []Divergence {
	var all []Divergence
	for _, id := range sortedIDs(desired.Want) {
		have, ours := local.Ours[id]
		if !ours {
			continue
		}
		want := desired.Want[id]
		if len(compare(want.withNonce(have.Meta.Of(MetaNonce)), have)) > 0 {
			continue
		}
		held, found := catalog.Ours[id]
		if !found {
			what := "it is not in the catalog"
			if _, overwritten := catalog.Taken[id]; overwritten {
				what = "it is overwritten in the catalog by something that is not ours"
			}
			all = append(all, Divergence{ID: id, What: what, ByAgent: local.out(have) && !catalog.NodeOut})
			continue
		}
		if what := diverges(want, have, held); what != "" {
			all = append(all, Divergence{ID: id, What: what})
		}
	}
	for _, id := range sortedIDs(catalog.Ours) {
		_, wanted := desired.Want[id]
		if _, here := local.Ours[id]; !here && !wanted {
			all = append(all, Divergence{ID: id, What: "the local agent does not hold it, and the catalog still does", ByAgent: true})
		}
	}
	return all
}

// diverges says what the servers hold otherwise. A check's status belongs to it: when
// the token that a service was registered with is deleted, the servers go on with the
// last status they heard.
func diverges(want Registration, local, catalog *Registered) string {
	// With another nonce it arrived before it was sent again, and that is enough.
	want = want.withNonce(catalog.Meta.Of(MetaNonce))
	if changes := compare(want, catalog); len(changes) > 0 {
		return fmt.Sprintf("the catalog has it otherwise: %s", changes[0])
	}
	if want.Check == nil {
		return ""
	}
	check := want.Check.ID()
	here, _ := local.Checks.Of(check)
	there, _ := catalog.Checks.Of(check)
	if here.Status != there.Status {
		return fmt.Sprintf("its check is %s, and %s in the catalog", here.Status, there.Status)
	}
	return ""
}
