package e2e

import (
	"fmt"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/consul/api"
)

// filter selects the services of this rig's instance, without the daemon's own.
func (r *rig) filter() string {
	return fmt.Sprintf(`Meta["k8s-registrar-instance"] == %q and "k8s-registrar-role" not in Meta`, r.instance)
}

func (r *rig) query() *api.QueryOptions { return (&api.QueryOptions{}).WithContext(r.Context()) }
func (r *rig) write() *api.WriteOptions { return (&api.WriteOptions{}).WithContext(r.Context()) }
func (r *rig) id(service string) string {
	return "k8s-registrar-" + r.instance + ".shop." + service + ".http"
}

// localServices returns our services on the local agent by ID.
func (r *rig) localServices() (map[string]*api.AgentService, error) {
	return r.local.Agent().ServicesWithFilterOpts(r.filter(), r.query())
}

// catalogServices returns what the servers say that our node has of ours, by ID.
func (r *rig) catalogServices() (map[string]*api.AgentService, error) {
	query := r.query()
	query.Filter = r.filter()
	return inCatalog(r.server, r.node.Name(), query)
}

func inCatalog(server *api.Client, node string, query *api.QueryOptions) (map[string]*api.AgentService, error) {
	list, _, err := server.Catalog().NodeServiceList(node, query)
	if err != nil {
		return nil, err
	}
	services := map[string]*api.AgentService{}
	for _, s := range list.Services {
		services[s.ID] = s
	}
	return services, nil
}

// health returns nil if the servers say that the one check of a service has a status.
func (r *rig) health(service, want string) error {
	query := r.query()
	query.Filter = fmt.Sprintf("ServiceID == %q", service)
	checks, _, err := r.server.Health().Node(r.node.Name(), query)
	if err != nil {
		return err
	}
	if len(checks) != 1 || checks[0].Status != want {
		return fmt.Errorf("checks of %s: %+v, want one that is %s", service, checks, want)
	}
	return nil
}

// footprint is when the servers last wrote a service.
type footprint struct{ Create, Modify uint64 }

// footprints returns the footprints of our services. They change with every write that
// changes a service, and not with the status of its check.
func (r *rig) footprints() map[string]footprint {
	r.Helper()
	services, err := r.catalogServices()
	must(r, err)
	prints := map[string]footprint{}
	for id, s := range services {
		prints[id] = footprint{s.CreateIndex, s.ModifyIndex}
	}
	return prints
}

// untouched fails the test if the servers wrote any of our services since.
func (r *rig) untouched(before map[string]footprint) {
	r.Helper()
	if diff := cmp.Diff(before, r.footprints()); diff != "" {
		r.Errorf("services were written (-before +after):\n%s", diff)
	}
}
