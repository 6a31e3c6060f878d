package main

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/k8s-registrar/k8s-registrar/e2e/rig"
)

// byHand is how long a service may be wrong after somebody changed it on the agent: the
// catalog tells us within a second.
const byHand = 5 * time.Second

// handDrills are changes that people make at the local agent.
func handDrills() []drill {
	edited := func(change func(*api.AgentServiceRegistration)) func(*stage) error {
		return func(s *stage) error {
			return s.byHand(func(id string) error { return s.edit(id, change) })
		}
	}
	return []drill{
		{"hand: service deregistered", setup{}, handDeregistered},
		{"hand: tags edited", setup{}, edited(func(r *api.AgentServiceRegistration) { r.Tags = []string{"mine"} })},
		{"hand: port edited", setup{}, edited(func(r *api.AgentServiceRegistration) { r.Port = 1 })},
		{"hand: meta edited", setup{}, edited(func(r *api.AgentServiceRegistration) { r.Meta["mine"] = "yes" })},
		{"hand: check removed", setup{}, handCheckRemoved},
		{"hand: services of others, with similar names and IDs", setup{often: true}, foreignServices},
		{"hand: maintenance of a service and of the node", setup{often: true}, maintenance},
	}
}

// byHand changes one service and waits until it is as it was.
func (s *stage) byHand(change func(id string) error) error {
	s.row.silent = true // it is put right at once, and said in the log
	id := s.services[7].ID(s.instance)
	before, err := s.state(id)
	if err != nil {
		return err
	}
	s.obs.Excuse("wrong by hand, until our repair", byHand)
	if err := change(id); err != nil {
		return err
	}
	err = s.within(time.Minute, func() error {
		now, err := s.state(id)
		if err == nil && now != before {
			err = fmt.Errorf("it is still changed by hand:\n%s\nwant\n%s", now, before)
		}
		return errors.Join(err, s.well())
	})
	repaired := s.row.recover
	if err == nil && repaired > byHand {
		err = fmt.Errorf("it was wrong for %s, want %s at most: the doorbells tell at once", round(repaired), byHand)
	}
	err = errors.Join(err, s.pass(2*time.Second), s.recovered(time.Minute))
	s.row.recover = repaired
	return err
}

// state describes all that somebody could change of a service at the local agent.
func (s *stage) state(id string) (string, error) {
	service, _, err := s.local.Agent().Service(id, s.query())
	if err != nil {
		return "", fmt.Errorf("read service: %w", err)
	}
	checks, err := s.local.Agent().ChecksWithFilterOpts(fmt.Sprintf("ServiceID == %q", id), s.query())
	if err != nil {
		return "", fmt.Errorf("read checks: %w", err)
	}
	meta := maps.Clone(service.Meta)
	delete(meta, "k8s-registrar-nonce")
	return fmt.Sprint(service.Service, service.Port, service.Tags, meta, slices.Sorted(maps.Keys(checks))), nil
}

// edit registers a service again with one thing changed.
func (s *stage) edit(id string, change func(*api.AgentServiceRegistration)) error {
	found, _, err := s.local.Agent().Service(id, s.query())
	if err != nil {
		return fmt.Errorf("read service: %w", err)
	}
	r := &api.AgentServiceRegistration{ID: found.ID, Name: found.Service, Port: found.Port, Tags: found.Tags, Meta: found.Meta}
	change(r)
	return s.local.Agent().ServiceRegisterOpts(r, api.ServiceRegisterOpts{}.WithContext(s))
}

func handDeregistered(s *stage) error {
	return s.byHand(func(id string) error { return s.local.Agent().ServiceDeregisterOpts(id, s.query()) })
}

func handCheckRemoved(s *stage) error {
	return s.byHand(func(id string) error { return s.local.Agent().CheckDeregisterOpts(id+".tcp", s.query()) })
}

// foreignServices are never touched, whatever becomes of ours.
func foreignServices(s *stage) error {
	ours := s.services[0]
	id := ours.ID(s.instance)
	taken := rig.Service{Namespace: namespace, Name: "taken", Port: firstPort + 600}
	others := []*api.AgentServiceRegistration{
		{ID: id + "2", Name: ours.Name, Port: 1},                                                                             // our prefix, not our meta
		{ID: "k8s-registrar-" + s.instance, Name: ours.Name, Port: 2},                                                        // almost our prefix
		{ID: "k8s-registrar-" + s.instance + "x." + namespace + ".s000.http", Name: "s000", Port: 3},                         // another instance's
		{ID: taken.ID(s.instance), Name: "taken", Port: 4},                                                                   // where one of ours should be
		{ID: ours.Name, Name: ours.Name, Port: ours.Port, Tags: ours.Tags},                                                   // the old stack's
		{ID: "copy", Name: ours.Name, Port: 5, Meta: map[string]string{"managed-by": "k8s-registrar", "mine": s.instance}},   // our meta, not our prefix
		{ID: "kubernetes-" + ours.Name, Name: ours.Name, Port: ours.Port, Meta: map[string]string{"external-source": "k8s"}}, // somebody else's sync
	}
	for _, other := range others {
		if err := s.local.Agent().ServiceRegisterOpts(other, api.ServiceRegisterOpts{}.WithContext(s)); err != nil {
			return err
		}
	}
	s.obs.Allow(id+"2", taken.ID(s.instance))
	if err := errors.Join(s.tree.Put(s, taken), s.named(20*time.Second, "somebody else has this ID")); err != nil {
		return err
	}
	s.obs.Allow(append(s.ids(ours, s.services[1], taken), id+"2")...)
	if err := s.tree.Delete(s, namespace, ours.Name, s.services[1].Name); err != nil {
		return err
	}
	if err := errors.Join(s.pass(hold), s.reg.Kill(), s.reg.Start(s), s.pass(hold), s.gone(20*time.Second, ours, s.services[1])); err != nil {
		return err
	}
	services, err := s.local.Agent().ServicesWithFilterOpts("", s.query())
	if err != nil {
		return err
	}
	for _, other := range others {
		found := services[other.ID]
		if found == nil || found.Port != other.Port || found.Service != other.Name || !slices.Equal(found.Tags, other.Tags) || !maps.Equal(found.Meta, other.Meta) {
			return fmt.Errorf("the foreign service %s was touched: %+v", other.ID, found)
		}
	}
	s.note("%d foreign services, none touched", len(others))
	return nil
}

// maintenance that was set by hand survives all that we do.
func maintenance(s *stage) error {
	s.row.silent = true
	updated := s.services[3]
	id := updated.ID(s.instance)
	opts := s.query()
	if err := errors.Join(s.local.Agent().EnableServiceMaintenanceOpts(id, "by hand", opts), s.local.Agent().EnableNodeMaintenance("by hand")); err != nil {
		return err
	}
	updated.Tags = []string{"updated"}
	s.services[3] = updated
	s.obs.Allow(id)
	steps := []struct {
		what string
		do   func() error
	}{
		{"several comparisons", func() error { return s.pass(hold) }},
		{"a restart of ours", func() error { return errors.Join(s.reg.Kill(), s.reg.Start(s), s.pass(hold)) }},
		{"an update of the service", func() error {
			s.obs.ExpectServices(s.services...)
			if err := s.tree.Put(s, updated); err != nil {
				return err
			}
			return rig.Eventually(s, 20*time.Second, func() error {
				present, _ := s.obs.Present()
				if found := present[id]; found == nil || !slices.Equal(found.Tags, updated.Tags) {
					return errors.New("the update does not arrive")
				}
				return nil
			})
		}},
		{"a hand edit of it that we repair", func() error {
			return errors.Join(s.edit(id, func(r *api.AgentServiceRegistration) { r.Port = 1 }), s.pass(hold), s.obs.Whole())
		}},
	}
	for _, step := range steps {
		if err := step.do(); err != nil {
			return fmt.Errorf("maintenance, %s: %w", step.what, err)
		}
		if err := s.inMaintenance(id); err != nil {
			return fmt.Errorf("after %s: %w", step.what, err)
		}
	}
	s.obs.Allow()
	return errors.Join(s.local.Agent().DisableServiceMaintenanceOpts(id, opts), s.local.Agent().DisableNodeMaintenance(), s.recovered(time.Minute))
}

func (s *stage) inMaintenance(id string) error {
	checks, err := s.local.Agent().ChecksWithFilterOpts("", s.query())
	if err != nil {
		return err
	}
	for _, check := range []string{"_service_maintenance:" + id, "_node_maintenance"} {
		if checks[check] == nil {
			return fmt.Errorf("%s is lifted", check)
		}
	}
	return nil
}
