package main

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/k8s-registrar/k8s-registrar/e2e/rig"
)

// answerDrills spoil what the local agent answers, all of it.
func answerDrills() []drill {
	var all []drill
	for _, c := range []struct {
		name  string
		fault rig.Fault
		wire  rig.WireFault
		words []string // how it is named; none if it is only slow
	}{
		{"late by 3 s", rig.Fault{Kind: rig.FaultDelay, Delay: 3 * time.Second}, rig.WireFault{}, nil},
		{"trickling at 4 KB/s", rig.Fault{}, rig.WireFault{Rate: 4 << 10}, nil},
		{"cut in the middle", rig.Fault{Kind: rig.FaultCut}, rig.WireFault{}, []string{"EOF", "unexpected"}},
		{"garbled", rig.Fault{Kind: rig.FaultGarble}, rig.WireFault{}, []string{"invalid", "JSON"}},
		{"empty, with 200", rig.Fault{Kind: rig.FaultEmpty}, rig.WireFault{}, []string{"EOF", "X-Consul-Index", "proxy"}},
		{"429", rig.Fault{Kind: rig.FaultStatus, Code: 429}, rig.WireFault{}, []string{"429"}},
		{"500", rig.Fault{Kind: rig.FaultStatus, Code: 500}, rig.WireFault{}, []string{"500"}},
		{"503", rig.Fault{Kind: rig.FaultStatus, Code: 503}, rig.WireFault{}, []string{"503"}},
		{"404", rig.Fault{Kind: rig.FaultStatus, Code: 404}, rig.WireFault{}, []string{"404", "X-Consul-Index"}},
		{"hanging", rig.Fault{Kind: rig.FaultHang}, rig.WireFault{}, []string{"deadline", "timeout"}},
		{"connection reset", rig.Fault{}, rig.WireFault{Reset: true}, []string{"reset", "EOF"}},
		{"connection refused", rig.Fault{}, rig.WireFault{Refuse: true}, []string{"refused"}},
		{"connection stalled", rig.Fault{}, rig.WireFault{Stall: true}, []string{"deadline", "timeout"}},
	} {
		all = append(all, drill{"answers: " + c.name, setup{proxied: true, often: true}, func(s *stage) error {
			return spoil(s, c.fault, c.wire, c.words)
		}})
	}
	return append(all, treeAnswerDrills()...)
}

// treeAnswerDrills spoil only what is read of the tree. The doorbell still rings and the
// agent takes every write: what is believed of such an answer is done at once.
func treeAnswerDrills() []drill {
	var all []drill
	unread := []string{"watch: read drill/", "watch: list drill/"}
	for _, c := range []struct {
		name  string
		fault rig.Fault
		words []string
	}{
		{"404", rig.Fault{Kind: rig.FaultStatus, Code: 404}, []string{"watch: the answer carries no X-Consul-Index"}},
		{"500", rig.Fault{Kind: rig.FaultStatus, Code: 500}, unread},
		{"empty, with 200", rig.Fault{Kind: rig.FaultEmpty}, unread},
		{"cut in the middle", rig.Fault{Kind: rig.FaultCut}, unread},
		{"garbled", rig.Fault{Kind: rig.FaultGarble}, unread},
	} {
		c.fault.Match = func(r *http.Request) bool { // what is read, and not what only rings
			return strings.HasPrefix(r.URL.Path, "/v1/kv/drill/") && r.URL.Query().Has("recurse") || r.URL.Query().Has("keys") && !r.URL.Query().Has("separator")
		}
		all = append(all, drill{"answers about the tree alone: " + c.name, setup{proxied: true, often: true}, func(s *stage) error {
			return spoil(s, c.fault, rig.WireFault{}, c.words)
		}})
	}
	return all
}

// spoil lets the tree change while answers are spoilt, in both directions.
func spoil(s *stage, fault rig.Fault, wire rig.WireFault, words []string) error {
	last := s.services[usual-1]
	s.obs.Allow(s.ids(last)...)
	s.proxy.Set(fault)
	if err := s.proxy.SetWire(wire); err != nil {
		return err
	}
	if err := errors.Join(s.touch(), s.tree.Delete(s, namespace, last.Name)); err != nil {
		return err
	}
	if words == nil {
		s.row.silent = true
	} else if err := s.named(90*time.Second, words...); err != nil {
		return err
	}
	if err := s.pass(hold); err != nil {
		return err
	}
	s.services = s.services[:usual-1]
	s.obs.ExpectServices(s.services...) // it may go now, and has to in the end
	if err := s.localWhole(); err != nil {
		return err
	}
	if n := s.proxy.Suffered(); n > 0 {
		s.note("%d requests suffered", n)
	}
	s.proxy.Set(rig.Fault{})
	if err := s.proxy.SetWire(rig.WireFault{}); err != nil {
		return err
	}
	return s.recovered(90 * time.Second)
}

// gone waits until services are no longer in the catalog.
func (s *stage) gone(limit time.Duration, services ...rig.Service) error {
	return rig.Eventually(s, limit, func() error {
		present, known := s.obs.Present()
		if !known {
			return errors.New("the catalog cannot be read")
		}
		for _, id := range s.ids(services...) {
			if present[id] != nil {
				return fmt.Errorf("%s stays though it is deleted", id)
			}
		}
		return nil
	})
}
