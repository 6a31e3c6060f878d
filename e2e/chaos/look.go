package main

import (
	"context"

	"github.com/hashicorp/consul/api"
)

// readAgent asks the local agent for everything it holds. One that was started while no
// server runs does not know any token, and shows an empty list without a word about it:
// only a call that is refused tells.
func (w *world) readAgent(ctx context.Context) (map[string]*api.AgentService, map[string]*api.HealthCheck, error) {
	services, err := w.loc.Agent().ServicesWithFilterOpts("", query(ctx))
	if err == nil && len(services) == 0 {
		if _, err = w.loc.Raw().Query("/v1/agent/self", new(map[string]any), query(ctx)); err == nil {
			services, err = w.loc.Agent().ServicesWithFilterOpts("", query(ctx))
		}
	}
	if err != nil {
		return nil, nil, err
	}
	list, err := w.loc.Agent().ChecksWithFilterOpts("", query(ctx))
	if err != nil {
		return nil, nil, err
	}
	checks := map[string]*api.HealthCheck{}
	for id, c := range list {
		checks[id] = &api.HealthCheck{CheckID: id, ServiceID: c.ServiceID, Status: c.Status, Notes: c.Notes, Name: c.Name, Type: c.Type}
	}
	return services, checks, nil
}

// readCatalog asks the server for everything it holds of the node. Only a consistent read
// will do: a server that comes back answers others from a past that it is still reading.
func (w *world) readCatalog(ctx context.Context) (map[string]*api.AgentService, map[string]*api.HealthCheck, error) {
	options := (&api.QueryOptions{RequireConsistent: true}).WithContext(ctx)
	list, _, err := w.srv.Catalog().NodeServiceList(w.node.Name(), options)
	if err != nil {
		return nil, nil, err
	}
	all, _, err := w.srv.Health().Node(w.node.Name(), options)
	if err != nil {
		return nil, nil, err
	}
	services, checks := map[string]*api.AgentService{}, map[string]*api.HealthCheck{}
	for _, s := range list.Services {
		services[s.ID] = s
	}
	for _, c := range all {
		checks[c.CheckID] = c
	}
	return services, checks, nil
}

func (w *world) lookAgent(ctx context.Context) {
	version, at := w.begin()
	services, checks, err := w.readAgent(ctx)
	if err == nil {
		w.saw(w.agent, version, at, services, checks)
	}
}

func (w *world) lookCatalog(ctx context.Context) {
	version, at := w.begin()
	services, checks, err := w.readCatalog(ctx)
	if err == nil {
		w.saw(w.catalog, version, at, services, checks)
	}
}
