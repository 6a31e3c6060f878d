package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/k8s-registrar/k8s-registrar/e2e/consulproc"
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

// approve runs k8s-registrar approve as an operator on the node does.
func (s *stage) approve(r *rig.Registrar, hash string, flags ...string) error {
	args := slices.Concat([]string{"approve"}, flags, r.Args(), []string{hash})
	cmd := exec.CommandContext(s, s.park.registrar, args...)
	cmd.Env = r.Environment()
	out, err := cmd.CombinedOutput()
	s.park.search("approve", string(out))
	if err != nil {
		return fmt.Errorf("approve: %w: %s", err, out)
	}
	return nil
}

// second is another node with the same tree, as every node of a fleet has it.
func (s *stage) second() (*stage, error) {
	other := *s
	other.ends, other.row, other.listening = nil, row{}, map[int]func() error{}
	node, err := s.cluster.AddClient(s, consulproc.Node{Name: "other-" + s.instance})
	if err != nil {
		return nil, err
	}
	s.after(node.Stop)
	other.node = node
	if other.local, err = node.Client(s.cluster.ManagementToken()); err != nil {
		return nil, err
	}
	s.after(other.close)
	other.after(other.deaf)
	for _, service := range s.services {
		if err := other.listen(service.Port); err != nil {
			return nil, err
		}
	}
	if err := other.openRegistrar(); err != nil {
		return nil, err
	}
	return &other, other.settle(settleLimit)
}

func deletedWhole(s *stage, flags ...string) error {
	other, err := s.second()
	if err != nil {
		return err
	}
	if err := s.tree.DeleteAll(s); err != nil {
		return err
	}
	waiting, err := s.waiting(20*time.Second, usual)
	if err != nil {
		return err
	}
	same, err := other.waiting(20*time.Second, usual)
	if err != nil {
		return err
	}
	if same.Hash != waiting.Hash {
		return errors.New("the hash is another one on another node")
	}
	if err := errors.Join(s.pass(hold), s.localWhole(), other.localWhole(), s.approveWrong()); err != nil {
		return err
	}
	s.obs.Allow(s.ids(s.services...)...)
	if len(flags) > 0 {
		other.obs.Allow(s.ids(s.services...)...)
	}
	if err := s.approve(s.reg, waiting.Hash, flags...); err != nil {
		return err
	}
	if err := s.within(30*time.Second, func() error { return s.gone(0, s.services...) }); err != nil {
		return err
	}
	if len(flags) > 0 {
		err = other.gone(30*time.Second, s.services...)
	} else {
		err = errors.Join(s.pass(hold), other.localWhole())
	}
	s.row.lost += other.obs.Report().Lost()
	s.services = nil
	return errors.Join(err, s.nothingWaits())
}

// approveWrong approves what nobody asked for: it must change nothing.
func (s *stage) approveWrong() error {
	if s.approve(s.reg, "0123456789ab") == nil {
		return errors.New("approve took a hash that nobody waits for")
	}
	return nil
}

func (s *stage) nothingWaits() error {
	return rig.Eventually(s, 30*time.Second, func() error {
		status, err := s.reg.Status(s)
		if err == nil && len(status.Waiting) > 0 {
			err = errors.New("something still waits")
		}
		return err
	})
}

func together(s *stage, services []rig.Service) error { return s.tree.DeleteTogether(s, services...) }

func oneByOne(s *stage, services []rig.Service) error {
	for _, service := range services {
		if err := s.tree.Delete(s, service.Namespace, service.Name); err != nil {
			return err
		}
	}
	return nil
}

// deletedMost lets the budget's worth go at most: nothing when all is deleted at once.
func deletedMost(s *stage, budget int, remove func(*stage, []rig.Service) error) error {
	kept, deleted := s.services[:5], s.services[5:]
	if budget > 0 {
		s.obs.Allow(s.ids(deleted...)...)
	}
	if err := remove(s, deleted); err != nil {
		return err
	}
	hash, err := s.heldOf(len(deleted), budget)
	if err != nil {
		return err
	}
	s.obs.Expect(append(s.ids(kept...), s.held(deleted)...)...)
	s.obs.Allow()
	s.services = kept
	if err := errors.Join(s.pass(hold), s.localWhole()); err != nil {
		return err
	}
	s.obs.Allow(s.ids(deleted...)...)
	if err := s.approve(s.reg, hash, "--fleet"); err != nil {
		return err
	}
	if err := s.within(30*time.Second, func() error { return s.gone(0, deleted...) }); err != nil {
		return err
	}
	released := s.row.recover
	s.obs.ExpectServices(kept...)
	err = errors.Join(s.nothingWaits(), s.recovered(30*time.Second))
	s.row.recover = released
	return err
}

// heldOf waits until what is held and what is gone are all that was deleted, and returns
// the hash of what is held.
func (s *stage) heldOf(deleted, budget int) (hash string, err error) {
	err = rig.Eventually(s, 30*time.Second, func() error {
		status, err := s.reg.Status(s)
		if err != nil {
			return err
		}
		gone := usual - len(status.Services)
		if len(status.Waiting) != 1 || gone > budget || gone+len(status.Waiting[0].Keys) != deleted {
			return fmt.Errorf("%d are gone and %d sets wait: %v", gone, len(status.Waiting), complaints(status))
		}
		hash = status.Waiting[0].Hash
		s.row.named = fmt.Sprintf("%d within the budget gone, %d wait: %s", gone, len(status.Waiting[0].Keys), status.Waiting[0].Why)
		return nil
	})
	return hash, err
}

// held are the IDs of those services that /status says are waiting.
func (s *stage) held(services []rig.Service) []string {
	status, err := s.reg.Status(s)
	if err != nil || len(status.Waiting) == 0 {
		return nil
	}
	var ids []string
	for _, service := range services {
		if slices.Contains(status.Waiting[0].Keys, s.tree.Key(service.Namespace, service.Name)) {
			ids = append(ids, service.ID(s.instance))
		}
	}
	return ids
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
