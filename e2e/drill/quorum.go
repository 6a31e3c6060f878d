package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/k8s-registrar/k8s-registrar/e2e/rig"
)

// stress changes the tree, lets checks flip and removes a service by hand, none of which
// the servers can take now. What it wants is given up after a while.
func (s *stage) stress(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, 40*time.Second)
	defer cancel()
	if !rig.Sleep(ctx, 5*time.Second) { // until everybody knows that there is no leader
		return
	}
	_ = s.deafen(s.services[0].Port)
	_ = s.deafen(s.services[1].Port)
	_ = s.local.Agent().ServiceDeregisterOpts(s.services[2].ID(s.instance), (&api.QueryOptions{}).WithContext(ctx))
	for rig.Sleep(ctx, 2*time.Second) {
		attempt, done := context.WithTimeout(ctx, time.Second)
		_ = s.tree.PutService(attempt, namespace, "s003", s.services[3].Port, s.services[3].Tags...)
		done()
	}
}

// loseQuorum kills two of three servers for a minute and says how long the agent made
// others wait.
func (s *stage) loseQuorum(during func() error) error {
	leader, others, err := s.leader()
	if err != nil {
		return err
	}
	if err := s.through(others[0]); err != nil {
		return err
	}
	prober := rig.Probe(s, s.node.HTTPAddr(), s.cluster.ManagementToken(), "/v1/agent/services", "/v1/agent/self")
	defer prober.Stop()
	begun := time.Now()
	if err := errors.Join(leader.Kill(), others[1].Kill()); err != nil {
		return err
	}
	stressed := make(chan struct{})
	go func() {
		defer close(stressed)
		s.stress(s)
	}()
	err = during()
	<-stressed
	if err := errors.Join(err, s.pass(time.Minute-time.Since(begun))); err != nil {
		return err
	}
	s.note("others on the node: %s", prober)
	if err := errors.Join(leader.Launch(), others[1].Launch(), s.listen(s.services[0].Port), s.listen(s.services[1].Port)); err != nil {
		return err
	}
	return errors.Join(leader.WaitReady(s), others[1].WaitReady(s))
}

func quorumLost(s *stage) error {
	s.obs.Excuse("deregistered by hand while there was no quorum: until it was back and repaired", 0)
	err := s.loseQuorum(func() error {
		before := s.proxy.Writes()
		err := errors.Join(s.named(40*time.Second, "leader", "deadline", "timeout", "500"), s.pass(35*time.Second))
		if n := s.proxy.Writes() - before; n > 0 {
			err = errors.Join(err, fmt.Errorf("%d writes were sent to the agent while there was no leader: each locks it for everybody", n))
		}
		return err
	})
	if err != nil {
		return err
	}
	s.obs.Excuse("deregistered by hand while there was no quorum: until it was back and repaired", 20*time.Second)
	return s.recovered(2 * time.Minute)
}

// quorumLostAlone is the same with the registrar dead: what remains is Consul's.
func quorumLostAlone(s *stage) error {
	s.setup.loose, s.row.silent = false, true
	if err := errors.Join(s.openRegistrar(), s.settle(settleLimit), s.reg.Kill()); err != nil {
		return err
	}
	s.obs.Expect()
	s.obs.Allow(s.ids(s.services...)...)
	return s.loseQuorum(func() error { return nil })
}
