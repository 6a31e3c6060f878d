package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/k8s-registrar/k8s-registrar/agent"
	"github.com/k8s-registrar/k8s-registrar/e2e/consulproc"
	"github.com/k8s-registrar/k8s-registrar/e2e/rig"
)

// proof is a service that is written after a fault: when it is in the catalog, all works.
const proof = "proof"

// service is the i-th one of the tree.
func (s *stage) service(i int) rig.Service {
	return rig.Service{Namespace: namespace, Name: fmt.Sprintf("s%03d", i), Port: firstPort + i, Tags: []string{"a", "b=c"}}
}

// ids returns the IDs of services.
func (s *stage) ids(services ...rig.Service) []string {
	var ids []string
	for _, service := range services {
		ids = append(ids, service.ID(s.instance))
	}
	return ids
}

// settle waits until the stage's services are announced and healthy, and starts to count.
func (s *stage) settle(limit time.Duration) error {
	s.obs.ExpectServices(s.services...)
	s.obs.Allow()
	if err := rig.Eventually(s, limit, s.well); err != nil {
		return fmt.Errorf("settle: %w\n%s", err, s.reg.Logs(10))
	}
	s.obs.Reset()
	return nil
}

// well returns no error if everything is announced, passing, and said to be so.
func (s *stage) well() error {
	return errors.Join(s.obs.Healthy(), s.reg.Ready(s))
}

// pass lets time go by.
func (s *stage) pass(d time.Duration) error {
	if !rig.Sleep(s, d) {
		return s.Err()
	}
	return nil
}

// note adds a remark to the row.
func (s *stage) note(format string, args ...any) {
	s.row.notes = append(s.row.notes, fmt.Sprintf(format, args...))
}

// named waits until /status tells of the fault with one of these words.
func (s *stage) named(within time.Duration, words ...string) error {
	begun := time.Now()
	return rig.Eventually(s, within, func() error {
		status, err := s.reg.Status(s)
		if err != nil {
			return err
		}
		said := complaints(status)
		for _, text := range said {
			for _, word := range words {
				if strings.Contains(text, word) {
					s.row.named = text
					if within > 0 {
						s.note("named after %s", round(time.Since(begun)))
					}
					return nil
				}
			}
		}
		return fmt.Errorf("/status does not name it with %q but says %q", words, said)
	})
}

// maybeNamed is for faults that may pass before anybody can notice.
func (s *stage) maybeNamed(within time.Duration, words ...string) {
	if s.named(within, words...) != nil {
		s.row.silent = true
		s.note("it passed without anything to name")
	}
}

// complaints lists all that a status finds wrong.
func complaints(status agent.Status) []string {
	var all []string
	add := func(where, text string) {
		if text != "" {
			all = append(all, where+": "+text)
		}
	}
	for _, why := range status.NotReady {
		add("not ready", why)
	}
	add("watch", status.Watch.Error)
	add("reconcile", status.Reconcile.Error)
	add("catalog", status.Catalog.Error)
	add("token", status.Token.Error)
	for _, w := range status.Waiting {
		add(fmt.Sprintf("%d wait", len(w.Keys)), w.Why)
	}
	for _, p := range status.Problems {
		add("problem "+p.Key+p.ID, p.Error)
	}
	return all
}

// recovered waits until everything is as it was, and until a service that is written now
// is announced, too. It measures from now.
func (s *stage) recovered(limit time.Duration) error {
	begun := time.Now()
	port := firstPort + 1000
	service := rig.Service{Namespace: namespace, Name: proof, Port: port, Tags: []string{"x"}}
	s.obs.Allow(service.ID(s.instance))
	if err := s.listen(port); err != nil {
		return err
	}
	if err := rig.Eventually(s, limit, func() error { return s.tree.Put(s, service) }); err != nil {
		return fmt.Errorf("recover: %w", err)
	}
	err := rig.Eventually(s, limit, func() error {
		present, _ := s.obs.Present()
		if found := present[service.ID(s.instance)]; found == nil || found.Port != port {
			return errors.New("what was written after the fault is not announced")
		}
		return errors.Join(s.well(), s.localWhole())
	})
	if err != nil {
		return fmt.Errorf("recover: %w", err)
	}
	s.row.recover = time.Since(begun)
	return nil
}

// within waits for a condition and takes the time that needs as the time to recover.
func (s *stage) within(limit time.Duration, condition func() error) error {
	begun := time.Now()
	if err := rig.Eventually(s, limit, condition); err != nil {
		return err
	}
	s.row.recover = max(s.row.recover, time.Since(begun))
	return nil
}

// localWhole returns no error if the local agent holds all services.
func (s *stage) localWhole() error {
	services, err := s.local.Agent().ServicesWithFilterOpts("", (&api.QueryOptions{}).WithContext(s))
	if err != nil {
		return fmt.Errorf("read local agent: %w", err)
	}
	for _, service := range s.services {
		if services[service.ID(s.instance)] == nil {
			return fmt.Errorf("the local agent has lost %s", service.Name)
		}
	}
	return nil
}

// listen opens a NodePort.
func (s *stage) listen(port int) error {
	if s.listening[port] != nil {
		return nil
	}
	_, stop, err := consulproc.Listen(net.JoinHostPort(s.node.Address(), strconv.Itoa(port)))
	s.listening[port] = stop
	return err
}

// deafen closes a NodePort.
func (s *stage) deafen(port int) error {
	stop := s.listening[port]
	delete(s.listening, port)
	return stop()
}

// deaf closes all NodePorts.
func (s *stage) deaf() error {
	for port := range s.listening {
		_ = s.deafen(port)
	}
	return nil
}

// touch writes a service of the tree as it is, but for its flags: watches wake and
// nothing is different.
func (s *stage) touch() error {
	pair, _, err := s.server.KV().Get(s.tree.Key(namespace, "s000"), s.query())
	if err != nil {
		return err
	}
	pair.Flags++
	_, err = s.server.KV().Put(pair, s.write())
	return err
}

func (s *stage) query() *api.QueryOptions { return (&api.QueryOptions{}).WithContext(s) }
func (s *stage) write() *api.WriteOptions { return (&api.WriteOptions{}).WithContext(s) }

// waiting returns what waits for a human, when it is one set of so many keys.
func (s *stage) waiting(limit time.Duration, keys int) (agent.Waiting, error) {
	var found agent.Waiting
	begun := time.Now()
	err := rig.Eventually(s, limit, func() error {
		status, err := s.reg.Status(s)
		if err != nil {
			return err
		}
		if len(status.Waiting) != 1 || len(status.Waiting[0].Keys) != keys {
			text, _ := json.Marshal(status.Waiting) // it came from JSON
			return fmt.Errorf("%d removals should wait: %.500s", keys, text)
		}
		found = status.Waiting[0]
		s.row.named = fmt.Sprintf("%d wait: %s", keys, found.Why)
		return nil
	})
	s.note("held after %s", round(time.Since(begun)))
	return found, err
}
