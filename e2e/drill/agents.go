package main

import (
	"errors"
	"time"

	"github.com/k8s-registrar/k8s-registrar/e2e/consulproc"
)

// agentDrills break the local Consul agent.
func agentDrills() []drill {
	return []drill{
		{"agent: killed, back with its data", setup{}, agentKilled},
		{"agent: killed, back without data, same node ID", setup{}, agentWiped},
		{"agent: killed, back without data, another node ID", setup{node: consulproc.Node{RandomID: true}}, agentReplaced},
		{"agent: paused for 30 s", setup{often: true}, agentPaused},
	}
}

func agentKilled(s *stage) error {
	if err := s.node.Kill(); err != nil {
		return err
	}
	if err := errors.Join(s.named(20*time.Second, "refused"), s.pass(hold), s.node.Launch()); err != nil {
		return err
	}
	return s.recovered(time.Minute)
}

// returns is how long the re-registration of everything may take after an agent came
// back empty.
const returns = 10 * time.Second

func agentWiped(s *stage) error {
	// Until what was registered is verified there are more comparisons than usual.
	if err := errors.Join(s.pass(25*time.Second), s.node.Kill(), s.named(20*time.Second, "refused"), s.node.Wipe()); err != nil {
		return err
	}
	s.obs.Excuse("the agent came back empty and purged the catalog, until all was registered again", returns)
	if err := s.node.Launch(); err != nil {
		return err
	}
	// A change of the tree would lead to a comparison, too: first it has to notice by itself.
	if err := s.within(2*time.Minute, func() error { return errors.Join(s.localWhole(), s.well()) }); err != nil {
		return err
	}
	return s.recovered(time.Minute)
}

// agentReplaced is the case in which Consul refuses the node's name to its own agent:
// only the agent's absence for half a minute ends it.
func agentReplaced(s *stage) error {
	if err := errors.Join(s.node.Kill(), s.node.Wipe()); err != nil {
		return err
	}
	s.obs.Excuse("Consul reserves the node's name to the lost node ID", 0)
	if err := s.node.Launch(); err != nil {
		return err
	}
	// What the catalog holds already looks right.
	if err := s.named(time.Minute, "another node ID"); err != nil {
		return err
	}
	fresh := s.service(usual) // it does not arrive
	s.obs.Allow(s.ids(fresh)...)
	if err := errors.Join(s.listen(fresh.Port), s.tree.Put(s, fresh)); err != nil {
		return err
	}
	if err := errors.Join(s.pass(hold), s.node.Kill(), s.pass(40*time.Second), s.node.Launch()); err != nil {
		return err
	}
	s.services = append(s.services, fresh)
	s.obs.ExpectServices(s.services...)
	return s.recovered(4 * time.Minute)
}

func agentPaused(s *stage) error {
	begun := time.Now()
	if err := errors.Join(s.node.Pause(), s.named(40*time.Second, "deadline", "timeout")); err != nil {
		return errors.Join(err, s.node.Continue())
	}
	if err := errors.Join(s.pass(30*time.Second-time.Since(begun)), s.node.Continue()); err != nil {
		return err
	}
	return s.recovered(time.Minute)
}
