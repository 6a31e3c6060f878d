package main

import (
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
		{"tree: a name goes to a key of which a part tells late", setup{proxied: true}, lateHeir},
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
