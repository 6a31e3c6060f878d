package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/k8s-registrar/k8s-registrar/e2e/consulproc"
	"github.com/k8s-registrar/k8s-registrar/e2e/rig"
)

// serverDrills break Consul's servers, each in a cluster of its own.
func serverDrills() []drill {
	one, three := setup{own: true, often: true}, setup{own: true, servers: 3, often: true}
	silent, gated := three, three
	silent.loose, gated.proxied = true, true
	return []drill{
		{"servers: leader of 3 killed", three, leaderKilled},
		{"servers: quorum lost for 60 s", gated, quorumLost},
		{"servers: quorum lost, without us (for comparison)", silent, quorumLostAlone},
		{"servers: hung", one, serverHung},
		{"servers: older snapshot restored", one, snapshotRestored},
		{"servers: all data lost", one, serversWiped},
		{"servers: all killed, agent cut off", one, cutOff},
		{"servers: restarted", one, serverRestarted},
	}
}

// leader returns the server that leads, and the others.
func (s *stage) leader() (leader *consulproc.Process, others []*consulproc.Process, err error) {
	address, err := s.server.Status().LeaderWithQueryOptions(s.query())
	if err != nil {
		return nil, nil, fmt.Errorf("ask for leader: %w", err)
	}
	for _, server := range s.cluster.Servers() {
		if strings.HasPrefix(address, server.Address()+":") {
			leader = server
		} else {
			others = append(others, server)
		}
	}
	if leader == nil {
		return nil, nil, fmt.Errorf("no server leads at %q", address)
	}
	return leader, others, nil
}

// through makes the drill talk to another server.
func (s *stage) through(server *consulproc.Process) (err error) {
	s.server, err = server.Client(s.cluster.ManagementToken())
	s.tree.Client = s.server
	return err
}

func leaderKilled(s *stage) error {
	leader, others, err := s.leader()
	if err != nil {
		return err
	}
	if err := errors.Join(s.through(others[0]), leader.Kill()); err != nil {
		return err
	}
	s.maybeNamed(5*time.Second, "leader", "500")
	if err := s.recovered(time.Minute); err != nil {
		return err
	}
	if err := leader.Launch(); err != nil {
		return err
	}
	return errors.Join(leader.WaitReady(s), s.pass(hold))
}

func serverHung(s *stage) error {
	server := s.cluster.Servers()[0]
	if err := server.Pause(); err != nil {
		return err
	}
	if err := s.named(60*time.Second, "deadline", "timeout", "leader", "500"); err != nil {
		return errors.Join(err, server.Continue())
	}
	if err := errors.Join(s.pass(hold), server.Continue()); err != nil {
		return err
	}
	return s.recovered(90 * time.Second)
}

// repairs is how long the catalog may differ before what verification finds is repaired:
// it looks every 10 s, has 10 s of patience, and compares within 2 s.
const repairs = 25 * time.Second

// restores is how long it may differ after a restore: the first look is within 2 s of the
// first sign of it, and compares and sends within 1 s. The rest is for a busy machine.
const restores = 8 * time.Second

func snapshotRestored(s *stage) error {
	old := s.services
	snapshot, _, err := s.server.Snapshot().Save(s.query())
	if err != nil {
		return fmt.Errorf("save snapshot: %w", err)
	}
	text, err := io.ReadAll(snapshot)
	if err != nil {
		return fmt.Errorf("save snapshot: %w", err)
	}
	var fresh []rig.Service
	for i := range 10 {
		fresh = append(fresh, s.service(usual+i))
		if err := s.listen(fresh[i].Port); err != nil {
			return err
		}
	}
	s.services = append(append([]rig.Service{}, old...), fresh...)
	s.obs.Allow(s.ids(fresh...)...)
	if err := errors.Join(s.tree.Put(s, fresh...), s.settle(settleLimit)); err != nil {
		return err
	}
	s.obs.Excuse("the restored catalog lacks them, until anti-entropy or our repair", restores)
	restored := time.Now()
	if err := s.server.Snapshot().Restore(s.write(), bytes.NewReader(text)); err != nil {
		return fmt.Errorf("restore snapshot: %w", err)
	}
	if _, err := s.waiting(30*time.Second, len(fresh)); err != nil {
		return err
	}
	if err := rig.Eventually(s, 2*time.Minute, s.obs.Healthy); err != nil {
		return fmt.Errorf("the catalog after the restore: %w", err)
	}
	s.row.recover = time.Since(restored)
	if err := errors.Join(s.pass(hold), s.localWhole(), s.tree.Put(s, fresh...)); err != nil {
		return err
	}
	return rig.Eventually(s, 30*time.Second, func() error {
		status, err := s.reg.Status(s)
		if err == nil && len(status.Waiting) > 0 {
			err = errors.New("all keys are back, and removals still wait")
		}
		return errors.Join(err, s.well())
	})
}

func serversWiped(s *stage) error {
	server := s.cluster.Servers()[0]
	const reason = "the new catalog is empty, until anti-entropy or our repair"
	if err := errors.Join(server.Kill(), server.Wipe()); err != nil {
		return err
	}
	s.obs.Excuse(reason, 0)
	if err := errors.Join(server.Launch(), server.WaitReady(s)); err != nil {
		return err
	}
	s.obs.Excuse(reason, repairs+returns)
	// The local agent repeats the watch with the old index, which then blocks for all of
	// watch.wait.
	if _, err := s.waiting(90*time.Second, usual); err != nil {
		return err
	}
	back := time.Now()
	if err := rig.Eventually(s, 3*time.Minute, s.obs.Healthy); err != nil {
		return fmt.Errorf("the catalog after the loss: %w", err)
	}
	s.row.recover = time.Since(back)
	if err := errors.Join(s.pass(hold), s.localWhole(), s.tree.Put(s, s.services...)); err != nil {
		return err
	}
	recovered := s.row.recover
	err := s.recovered(time.Minute)
	s.row.recover = max(recovered, s.row.recover)
	return err
}

// reaped is what a new leader does to nodes that its gossip does not know again yet: it
// takes them out of the catalog.
const reaped = "the new leader reaped the node, until anti-entropy or our repair"

func cutOff(s *stage) error {
	server := s.cluster.Servers()[0]
	if err := errors.Join(server.Kill(), s.named(30*time.Second, "500", "leader", "No known Consul servers", "rpc error")); err != nil {
		return err
	}
	if err := errors.Join(s.pass(20*time.Second), s.localWhole()); err != nil {
		return err
	}
	s.obs.Excuse(reaped, repairs)
	if err := errors.Join(server.Launch(), server.WaitReady(s)); err != nil {
		return err
	}
	err := s.recovered(90 * time.Second)
	for line := range strings.Lines(server.Logs(1000)) {
		if strings.Contains(line, s.node.Name()) && strings.Contains(line, "deregistering member") {
			s.note("the server wrote: %s", strings.TrimSpace(line))
		}
	}
	return err
}

func serverRestarted(s *stage) error {
	server := s.cluster.Servers()[0]
	if err := errors.Join(server.Kill(), server.Launch()); err != nil {
		return err
	}
	s.maybeNamed(5*time.Second, "500", "leader", "rpc error", "EOF")
	return errors.Join(server.WaitReady(s), s.recovered(90*time.Second))
}
