package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/k8s-registrar/k8s-registrar/e2e/rig"
)

func oneName(s *stage) error {
	younger := s.services[0]
	younger.Namespace, younger.Port = "another", firstPort+500
	if err := errors.Join(s.listen(younger.Port), s.tree.Put(s, younger)); err != nil {
		return err
	}
	if err := errors.Join(s.named(20*time.Second, "belongs to"), s.pass(hold)); err != nil {
		return err
	}
	return s.handOn(younger)
}

// lateHeir changes the younger key while its part of the tree cannot tell, and then lets
// the older one go.
func lateHeir(s *stage) error {
	younger := s.services[0]
	younger.Namespace, younger.Port = "annex", firstPort+500
	if err := s.divide(younger); err != nil {
		return err
	}
	if err := s.named(20*time.Second, "belongs to"); err != nil {
		return err
	}
	bell := func(r *http.Request) bool {
		return r.URL.Path == "/v1/kv/"+s.tree.KeyPath+"/deployments/a" && r.URL.Query().Has("keys")
	}
	s.proxy.Set(rig.Fault{Kind: rig.FaultDelay, Delay: time.Minute, Match: bell})
	for i := range 2 { // the bell that waits already rings once more
		younger.Port++
		if err := errors.Join(s.listen(younger.Port), s.tree.Put(s, younger)); err != nil {
			return err
		}
		late := func() error {
			if s.proxy.Suffered() == 0 {
				return errors.New("the younger key is in no part of its own")
			}
			return nil
		}
		if err := rig.Eventually(s, 20*time.Second, late); err != nil {
			return fmt.Errorf("change %d: %w", i, err)
		}
	}
	if err := s.handOn(younger); err != nil {
		return err
	}
	s.proxy.Set(rig.Fault{})
	took := s.row.recover
	err := s.recovered(30 * time.Second)
	s.row.recover = took
	return err
}

// divide fills the namespace of a younger key, until the tree is watched in parts.
func (s *stage) divide(younger rig.Service) error {
	for i := range usual {
		other := rig.Service{Namespace: younger.Namespace, Name: fmt.Sprintf("a%03d", i), Port: firstPort + 600 + i}
		if err := s.listen(other.Port); err != nil {
			return err
		}
		s.services = append(s.services, other)
	}
	s.obs.ExpectServices(s.services...)
	s.obs.Allow(s.ids(s.services...)...)
	if err := errors.Join(s.tree.Put(s, s.services[usual:]...), s.tree.Put(s, younger)); err != nil {
		return err
	}
	if err := errors.Join(s.reg.Kill(), s.reg.Start(s)); err != nil { // what has just begun divides anew
		return err
	}
	return s.settle(settleLimit)
}

// handOn deletes the older key of a name: the younger takes over, as it is now, with the
// name never absent.
func (s *stage) handOn(younger rig.Service) error {
	older := s.services[0]
	s.obs.Allow(s.ids(older, younger)...)
	wrong := make(chan time.Duration)
	stop := make(chan struct{})
	go func() { wrong <- s.misnamed(younger.Name, []int{older.Port, younger.Port}, stop) }()
	begun := time.Now()
	if err := s.tree.Delete(s, older.Namespace, older.Name); err != nil {
		return err
	}
	s.services = append([]rig.Service{younger}, s.services[1:]...)
	s.obs.ExpectServices(s.services...)
	err := rig.Eventually(s, 20*time.Second, func() error {
		present, _ := s.obs.Present()
		if present[younger.ID(s.instance)] == nil {
			return errors.New("the younger one does not take over")
		}
		return nil
	})
	s.row.recover = time.Since(begun)
	close(stop)
	s.row.lost += <-wrong
	s.obs.Allow()
	return errors.Join(err, rig.Eventually(s, 20*time.Second, s.well))
}

// misnamed adds up for how long the catalog has no instance of a name on the node, or
// one with a port that is not among these.
func (s *stage) misnamed(name string, ports []int, stop <-chan struct{}) time.Duration {
	var lost time.Duration
	last := time.Now()
	for s.Err() == nil {
		select {
		case <-stop:
			return lost
		default:
		}
		list, _, err := s.server.Catalog().Service(name, "", s.query().WithContext(context.WithoutCancel(s)))
		mine := slices.DeleteFunc(list, func(c *api.CatalogService) bool { return c.Node != s.node.Name() })
		wrong := slices.ContainsFunc(mine, func(c *api.CatalogService) bool { return !slices.Contains(ports, c.ServicePort) })
		now := time.Now()
		if err == nil && (len(mine) == 0 || wrong) {
			lost += now.Sub(last)
		}
		last = now
		rig.Sleep(s, 5*time.Millisecond)
	}
	return lost
}
