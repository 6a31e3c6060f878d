package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/k8s-registrar/k8s-registrar/e2e/rig"
)

// stopLimit is how long the daemon may take to stop, whatever Consul does.
const stopLimit = 5 * time.Second

// ourDrills break the daemon itself.
func ourDrills() []drill {
	return []drill{
		{"ours: kill -9 ten times in 200 registrations", setup{services: 200, loose: true}, killedOften},
		{"ours: a second one with the same instance", setup{}, sameInstance},
		{"ours: two instances on one agent", setup{services: 5}, twoInstances},
		{"ours: stops within 5 s in every state", setup{own: true, proxied: true, often: true}, stops},
	}
}

// killedOften kills it five times while services are new, and five times while all of
// them change.
func killedOften(s *stage) error {
	s.setup.loose, s.row.silent = false, true
	if err := s.openRegistrar(); err != nil {
		return err
	}
	if err := s.killSome(5); err != nil {
		return err
	}
	if err := s.settle(3 * time.Minute); err != nil {
		return err
	}
	s.obs.Expect(s.ids(s.services...)...) // tags are in transition, presence is not
	for i := range s.services {
		s.services[i].Tags = []string{"changed"}
	}
	if err := s.tree.Put(s, s.services...); err != nil {
		return err
	}
	if err := s.killSome(5); err != nil {
		return err
	}
	begun := time.Now()
	lost := s.obs.Report()
	if err := s.settle(3 * time.Minute); err != nil {
		return err
	}
	s.row.lost += lost.Lost()
	s.row.recover = time.Since(begun)
	return nil
}

func (s *stage) killSome(times int) error {
	for range times {
		if err := errors.Join(s.pass(rand.N(1200*time.Millisecond)), s.reg.Kill()); err != nil {
			return err
		}
		present, _ := s.obs.Present()
		s.note("killed with %d services in the catalog", len(present))
		if err := s.reg.Start(s); err != nil {
			return err
		}
	}
	return nil
}

func sameInstance(s *stage) error {
	second, err := s.prepare(s.options())
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(s, 20*time.Second)
	defer cancel()
	begun := time.Now()
	if err := second.Launch(); err != nil {
		return err
	}
	code, err := second.Wait(ctx)
	if err != nil {
		return err
	}
	s.row.recover = time.Since(begun)
	const sentence = "another k8s-registrar already keeps"
	if code == 0 || !strings.Contains(second.Output(), sentence) {
		return fmt.Errorf("the second one ended with exit code %d:\n%s", code, second.Output())
	}
	s.row.named = fmt.Sprintf("exit code %d: %s its services on this Consul agent", code, sentence)
	took := s.row.recover
	err = s.recovered(time.Minute)
	s.row.recover = took
	return err
}

func twoInstances(s *stage) error {
	s.row.silent = true
	options := s.options()
	options.Instance, options.KeyPath = s.instance+"b", s.tree.KeyPath+"b"
	if _, err := s.start(options); err != nil {
		return err
	}
	other := rig.Tree{Client: s.server, KeyPath: options.KeyPath}
	obs, err := s.observe(s.node.Name(), options.Instance)
	if err != nil {
		return err
	}
	if err := other.Put(s, s.services...); err != nil {
		return err
	}
	obs.ExpectServices(s.services...)
	if err := rig.Eventually(s, 30*time.Second, obs.Healthy); err != nil {
		return err
	}
	obs.Reset()
	if err := errors.Join(s.pass(hold), s.localWhole()); err != nil {
		return err
	}
	// The first tree goes, the second stays.
	s.obs.Allow(s.ids(s.services...)...)
	var names []string
	for _, service := range s.services {
		names = append(names, service.Name)
	}
	if err := s.tree.Delete(s, namespace, names...); err != nil {
		return err
	}
	err = errors.Join(s.within(30*time.Second, func() error { return s.gone(0, s.services...) }), s.pass(hold), obs.Healthy())
	s.row.lost += obs.Report().Lost()
	return err
}

// stops asks the daemon to end in every state that its surroundings may be in.
func stops(s *stage) error {
	s.row.silent = true
	server := s.cluster.Servers()[0]
	spoilt := func(fault rig.Fault) func() error {
		return func() error { s.proxy.Set(fault); return s.touch() }
	}
	wired := func(fault rig.WireFault) func() error {
		return func() error { return errors.Join(s.proxy.SetWire(fault), s.touch()) }
	}
	mend := func() error { s.proxy.Set(rig.Fault{}); return s.proxy.SetWire(rig.WireFault{}) }
	var slowest time.Duration
	for _, state := range []struct {
		name        string
		begin, mend func() error
	}{
		{"all well", func() error { return nil }, mend},
		{"answers late", spoilt(rig.Fault{Kind: rig.FaultDelay, Delay: 5 * time.Second}), mend},
		{"answers hanging", spoilt(rig.Fault{Kind: rig.FaultHang}), mend},
		{"answers 500", spoilt(rig.Fault{Kind: rig.FaultStatus, Code: 500}), mend},
		{"answers 429", spoilt(rig.Fault{Kind: rig.FaultStatus, Code: 429}), mend},
		{"answers garbled", spoilt(rig.Fault{Kind: rig.FaultGarble}), mend},
		{"connections refused", wired(rig.WireFault{Refuse: true}), mend},
		{"connections stalled", wired(rig.WireFault{Stall: true}), mend},
		{"connections slow", wired(rig.WireFault{Rate: 1 << 10}), mend},
		{"agent paused", s.node.Pause, s.node.Continue},
		{"server paused", server.Pause, server.Continue},
		{"server killed", server.Kill, func() error {
			s.obs.Excuse(reaped, repairs)
			return errors.Join(server.Launch(), server.WaitReady(s))
		}},
		{"agent killed", s.node.Kill, s.node.Launch},
	} {
		if err := errors.Join(state.begin(), s.pass(4*time.Second)); err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(s, 3*stopLimit)
		took, code, err := s.reg.Term(ctx)
		cancel()
		if err == nil && (took > stopLimit || code != 0) {
			err = fmt.Errorf("it took %s and ended with exit code %d", took, code)
		}
		if err := errors.Join(err, state.mend()); err != nil {
			return fmt.Errorf("stop while %s: %w", state.name, err)
		}
		slowest = max(slowest, took)
		if err := errors.Join(s.reg.Start(s), rig.Eventually(s, time.Minute, s.well)); err != nil {
			return fmt.Errorf("after %s: %w", state.name, err)
		}
	}
	s.note("slowest stop %s", slowest.Round(time.Millisecond))
	return s.recovered(time.Minute)
}
