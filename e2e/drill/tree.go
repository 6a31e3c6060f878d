package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/k8s-registrar/k8s-registrar/e2e/rig"
)

// treeDrills do to the tree what deployers and people do by mistake.
func treeDrills() []drill {
	return []drill{
		{"tree: deleted as a whole, approved for the fleet", setup{}, func(s *stage) error { return deletedWhole(s, "--fleet") }},
		{"tree: deleted as a whole, approved for one node", setup{}, func(s *stage) error { return deletedWhole(s) }},
		{"tree: 15 of 20 deleted at once, approved", setup{}, func(s *stage) error { return deletedMost(s, 0, together) }},
		{"tree: 15 of 20 deleted one by one, approved", setup{}, func(s *stage) error { return deletedMost(s, 10, oneByOne) }},
		{"tree: values that are no Services", setup{}, badValues},
		{"tree: 5 services, all deleted by hand", setup{services: 5}, smallTree},
		{"tree: one name in two namespaces", setup{}, oneName},
	}
}

func badValues(s *stage) error {
	bad := map[string][]byte{
		"s000": []byte("{no json"),
		"s001": []byte(strings.Repeat("x", 512<<10)),
		"s002": []byte("{\"metadata\":{\"name\":\"\xff\xfe\"}}"),
		"s003": []byte("[]"),
		"s004": []byte(`{"spec":{"type":"NodePort","ports":[{"nodePort":70000}]}}`),
		"s005": {},
	}
	for name, value := range bad {
		if err := s.tree.PutRaw(s, namespace, name, value); err != nil {
			return err
		}
	}
	err := rig.Eventually(s, 20*time.Second, func() error {
		status, err := s.reg.Status(s)
		if err != nil {
			return err
		}
		said := map[string]string{}
		for _, p := range status.Problems {
			said[p.Key] = p.Error
		}
		for name := range bad {
			if said[s.tree.Key(namespace, name)] == "" {
				return fmt.Errorf("%s is not named: %v", name, said)
			}
		}
		s.row.named = fmt.Sprintf("%d problems, such as %s: %s", len(said), "s001", said[s.tree.Key(namespace, "s001")])
		return nil
	})
	if err != nil {
		return err
	}
	if err := errors.Join(s.pass(hold), s.localWhole(), s.tree.Put(s, s.services...)); err != nil {
		return err
	}
	return s.recovered(30 * time.Second)
}

func smallTree(s *stage) error {
	s.row.silent = true
	s.obs.Allow(s.ids(s.services...)...)
	var names []string
	for _, service := range s.services {
		names = append(names, service.Name)
	}
	if err := s.tree.Delete(s, namespace, names...); err != nil {
		return err
	}
	if err := s.within(30*time.Second, func() error { return s.gone(0, s.services...) }); err != nil {
		return err
	}
	s.obs.ExpectServices()
	s.services = nil
	return errors.Join(s.nothingWaits(), s.reg.Ready(s))
}

func oneName(s *stage) error {
	younger := s.services[0]
	younger.Namespace, younger.Port = "another", firstPort+500
	if err := errors.Join(s.listen(younger.Port), s.tree.Put(s, younger)); err != nil {
		return err
	}
	if err := errors.Join(s.named(20*time.Second, "belongs to"), s.pass(hold)); err != nil {
		return err
	}
	// When the older one goes, the younger takes over with the name never absent.
	s.obs.Allow(s.ids(s.services[0], younger)...)
	gap := make(chan time.Duration)
	stop := make(chan struct{})
	go func() { gap <- s.nameless(younger.Name, stop) }()
	begun := time.Now()
	if err := s.tree.Delete(s, namespace, s.services[0].Name); err != nil {
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
	s.row.lost += <-gap
	s.obs.Allow()
	return errors.Join(err, rig.Eventually(s, 20*time.Second, s.well))
}

// nameless adds up for how long the catalog has no instance of a name.
func (s *stage) nameless(name string, stop <-chan struct{}) time.Duration {
	var lost time.Duration
	last := time.Now()
	for s.Err() == nil {
		select {
		case <-stop:
			return lost
		default:
		}
		list, _, err := s.server.Catalog().Service(name, "", s.query().WithContext(context.WithoutCancel(s)))
		mine := 0
		for _, entry := range list {
			if entry.Node == s.node.Name() {
				mine++
			}
		}
		now := time.Now()
		if err == nil && mine == 0 {
			lost += now.Sub(last)
		}
		last = now
		rig.Sleep(s, 5*time.Millisecond)
	}
	return lost
}
