package register

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/hashicorp/consul/api"
	"golang.org/x/sync/errgroup"
)

var errTaken = errors.New("somebody else has taken its ID meanwhile")

// askedTogether is how many services are asked for at the same time.
const askedTogether = 4

// Some reads what the agent holds under some IDs, and if it is asked for, whether the node is
// marked. It costs the agent as much for one service of thousands as for one of ten, while a
// filter makes it go through all of them.
//
// Of a single service Consul tells the checks, but not their types: our own are known by
// their IDs.
func (l *Local) Some(ctx context.Context, ids []ID, marker bool) (Actual, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	var mu sync.Mutex
	services, checks := map[string]*api.AgentService{}, map[string]*api.AgentCheck{}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(askedTogether)
	if marker {
		ids = append([]ID{l.owner.marker()}, ids...)
	}
	for _, id := range ids {
		group.Go(func() error {
			info, err := l.one(ctx, id)
			if err != nil || info.Service == nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			services[string(id)] = info.Service
			for _, c := range info.Checks {
				check := agentCheck(c)
				check.Type = strings.TrimPrefix(c.CheckID, string(id)+".")
				checks[c.CheckID] = check
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return Actual{}, err
	}
	return l.sort(services, checks), nil
}

// one reads a service with its checks. The service is nil if it is not there.
func (l *Local) one(ctx context.Context, id ID) (api.AgentServiceChecksInfo, error) {
	options := (&api.QueryOptions{}).WithContext(ctx)
	_, info, err := l.client.Agent().AgentHealthServiceByIDOpts(string(id), options)
	switch {
	case err != nil:
		return api.AgentServiceChecksInfo{}, fmt.Errorf("read service %s from agent: %w", id, err)
	case info == nil:
		return api.AgentServiceChecksInfo{}, nil
	}
	return *info, nil
}

// untaken returns an error if an ID of ours has become somebody else's. Consul has no way
// to write only if nobody else has; so a step looks just before it writes.
func (l *Local) untaken(ctx context.Context, id ID) error {
	info, err := l.one(ctx, id)
	if err != nil || info.Service == nil || l.owner.Owns(string(id), info.Service.Meta) {
		return err
	}
	return errTaken
}
