package main

import (
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"time"

	"github.com/k8s-registrar/k8s-registrar/e2e/consulproc"
	"github.com/k8s-registrar/k8s-registrar/e2e/rig"
)

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
