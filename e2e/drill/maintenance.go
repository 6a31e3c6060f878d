package main

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/k8s-registrar/k8s-registrar/e2e/rig"
)

// maintenanceDeregistered takes a service out of the catalog that an operator has put in
// maintenance mode. Its check goes with it, and it must not come back without.
func maintenanceDeregistered(s *stage) error {
	if err := s.synced(); err != nil {
		return err
	}
	id := s.services[7].ID(s.instance)
	s.obs.Allow(id)
	if err := s.local.Agent().EnableServiceMaintenanceOpts(id, "by hand", s.query()); err != nil {
		return err
	}
	out := func() error {
		if there, exposed := s.exposed(id); !there || exposed {
			return errors.New("the catalog does not have it in maintenance mode")
		}
		return nil
	}
	if err := rig.Eventually(s, 20*time.Second, out); err != nil {
		return err
	}
	exposed, stop := make(chan time.Duration), make(chan struct{})
	go func() { exposed <- s.exposure(id, stop) }()
	gone := &api.CatalogDeregistration{Node: s.node.Name(), ServiceID: id}
	_, err := s.server.Catalog().Deregister(gone, s.write())
	if err == nil {
		err = s.named(time.Minute, "it is not in the catalog")
	}
	if err == nil {
		err = s.within(3*time.Minute, out) // the agent compares itself with the servers
	}
	close(stop)
	s.row.lost += <-exposed
	repaired := s.row.recover
	err = errors.Join(err, s.local.Agent().DisableServiceMaintenanceOpts(id, s.query()), s.recovered(time.Minute))
	s.row.recover = repaired
	return err
}

// exposed tells whether the catalog has a service, and whether it has it without
// maintenance mode.
func (s *stage) exposed(id string) (there, exposed bool) {
	checks, _, err := s.server.Health().Service(s.services[7].Name, "", false, s.query().WithContext(context.WithoutCancel(s)))
	if err != nil {
		return false, false
	}
	for _, entry := range checks {
		if entry.Service.ID == id {
			return true, !slices.ContainsFunc(entry.Checks, func(c *api.HealthCheck) bool { return c.CheckID == api.ServiceMaintPrefix+id })
		}
	}
	return false, false
}

// exposure adds up for how long it has.
func (s *stage) exposure(id string, stop <-chan struct{}) time.Duration {
	var sum time.Duration
	last := time.Now()
	for s.Err() == nil {
		select {
		case <-stop:
			return sum
		default:
		}
		_, exposed := s.exposed(id)
		now := time.Now()
		if exposed {
			sum += now.Sub(last)
		}
		last = now
		rig.Sleep(s, 20*time.Millisecond)
	}
	return sum
}
