package main

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/k8s-registrar/k8s-registrar/e2e/consulproc"
	"github.com/k8s-registrar/k8s-registrar/e2e/rig"
)

// catalogDrills make the servers hold something else than the local agent.
func catalogDrills() []drill {
	limited := consulproc.Node{Config: map[string]any{"limits": map[string]any{"rpc_rate": 5, "rpc_max_burst": 5}}}
	return []drill{
		{"catalog: service deregistered there", setup{}, catalogDeregistered},
		{"catalog: service overwritten there", setup{}, catalogOverwritten},
		{"catalog: service in maintenance deregistered there", setup{}, maintenanceDeregistered},
		{"catalog: agent may send 5 RPCs a second, 30 services", setup{node: limited, services: 30, loose: true}, rateLimited},
		{"catalog: the same, without us once all are registered (for comparison)", setup{node: limited, services: 30, loose: true}, rateLimitedAlone},
		{"catalog: token of the registrations deleted after a rotation", setup{policy: "deny", logLevel: "trace"}, tokenRotated},
	}
}

func catalogDeregistered(s *stage) error {
	if err := s.synced(); err != nil {
		return err
	}
	s.obs.Excuse("removed from the catalog by hand, until our repair", repairs)
	gone := &api.CatalogDeregistration{Node: s.node.Name(), ServiceID: s.services[7].ID(s.instance)}
	if _, err := s.server.Catalog().Deregister(gone, s.write()); err != nil {
		return err
	}
	return s.diverged()
}

func catalogOverwritten(s *stage) error {
	service := s.services[7]
	if err := s.synced(); err != nil {
		return err
	}
	s.obs.Excuse("overwritten in the catalog by hand, until our repair", repairs)
	other := &api.CatalogRegistration{
		Node: s.node.Name(), Address: s.node.Address(), SkipNodeUpdate: true,
		Service: &api.AgentService{ID: service.ID(s.instance), Service: service.Name, Port: 1, Tags: []string{"mine"}},
	}
	if _, err := s.server.Catalog().Register(other, s.write()); err != nil {
		return err
	}
	return s.diverged()
}

// synced waits until the full synchronisation that every agent makes in its first seconds
// is over: it would repair what a drill breaks.
func (s *stage) synced() error { return s.pass(5 * time.Second) }

// diverged waits until the catalog was seen to be wrong and is right again, by whomever.
func (s *stage) diverged() error {
	err := rig.Eventually(s, 5*time.Second, func() error {
		if s.obs.Whole() == nil {
			return errors.New("the catalog did not change")
		}
		return nil
	})
	if err != nil {
		return err
	}
	s.row.silent = true
	err = s.within(2*time.Minute, func() error {
		if s.row.named == "" {
			_ = s.named(0, "catalog") // it has time until the repair
		}
		return s.obs.Whole()
	})
	repaired := s.row.recover
	err = errors.Join(err, s.recovered(time.Minute))
	s.row.recover = repaired
	if s.row.named == "" {
		s.note("anti-entropy was faster than our first look")
	}
	return err
}

// rateLimited begins cold: the agent answers 200 thirty times, and most of it is not sent.
func rateLimited(s *stage) error {
	s.setup.loose = false
	begun := time.Now()
	if err := s.openRegistrar(); err != nil {
		return err
	}
	s.obs.ExpectServices(s.services...)
	s.obs.Excuse("not yet sent by the rate-limited agent", 0)
	if err := s.named(2*time.Minute, "not in the catalog"); err != nil {
		return err
	}
	if err := rig.Eventually(s, 9*time.Minute, s.obs.Whole); err != nil {
		return err
	}
	s.row.recover = time.Since(begun)
	s.note("all %d are in the catalog %s after the start", len(s.services), round(s.row.recover))
	s.obs.Excuse("", 0)
	return s.pass(30 * time.Second)
}

// rateLimitedAlone shows how long the agent needs by itself for what it was told once.
func rateLimitedAlone(s *stage) error {
	s.setup.loose, s.row.silent = false, true
	if err := s.openRegistrar(); err != nil {
		return err
	}
	s.obs.ExpectServices(s.services...)
	s.obs.Excuse("not yet sent by the rate-limited agent", 0)
	begun := time.Now()
	if err := rig.Eventually(s, 2*time.Minute, s.localWhole); err != nil {
		return err
	}
	if err := s.reg.Kill(); err != nil {
		return err
	}
	if err := rig.Eventually(s, 9*time.Minute, s.obs.Whole); err != nil {
		return err
	}
	s.row.recover = time.Since(begun)
	return nil
}

func tokenRotated(s *stage) error {
	fresh, err := s.newToken(&api.ACLToken{})
	if err != nil {
		return err
	}
	begun := time.Now()
	if err := errors.Join(s.reg.SetToken(fresh.SecretID), s.reg.Hup()); err != nil {
		return err
	}
	err = rig.Eventually(s, 2*time.Minute, func() error {
		status, err := s.reg.Status(s)
		if err == nil && status.Token.OldRevocable.Before(begun) {
			err = fmt.Errorf("the old token is not said to be revocable: %q", complaints(status))
		}
		return err
	})
	if err != nil {
		return err
	}
	s.row.named = "token: old_revocable_since"
	s.note("the old token was revocable %s after the new one was in the file", round(time.Since(begun)))
	if _, err := s.server.ACL().TokenDelete(s.acl.token.AccessorID, s.write()); err != nil {
		return err
	}
	// What was registered with the old token would stay passing in the catalog now.
	flipped := time.Now()
	if err := errors.Join(s.pass(2*time.Second), s.deafen(s.services[0].Port)); err != nil {
		return err
	}
	err = rig.Eventually(s, 30*time.Second, func() error {
		if err := s.obs.Healthy(); err == nil || !strings.Contains(err.Error(), "critical") {
			return fmt.Errorf("the check does not become critical in the catalog: %w", err)
		}
		return nil
	})
	if err != nil {
		return err
	}
	s.note("a dead port was critical in the catalog after %s", round(time.Since(flipped)-2*time.Second))
	if err := s.listen(s.services[0].Port); err != nil {
		return err
	}
	return s.recovered(time.Minute)
}
