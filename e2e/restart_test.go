package e2e

import (
	"errors"
	"fmt"
	"testing"
)

// A stop is no outage, and a start that finds all in place writes nothing.
func TestRestartWritesNothing(t *testing.T) {
	t.Parallel()
	r := onSharedNode(t, "restart")
	want := r.fill(20)
	r.start()
	r.announces(want...)
	r.ready()
	before := r.footprints()

	r.stop()
	must(t, r.holds(want...))
	if r.count("the services stay registered") != 1 {
		t.Error("the daemon does not say that the services stay")
	}
	r.start(often)
	r.ready()
	r.settled()
	r.untouched(before)
	if n := r.changes(); n != 0 {
		t.Errorf("%v changes were sent to an agent that held everything", n)
	}
}

// Whatever the daemon was doing when it was killed, the next one finishes it.
func TestKilledWhileRegistering(t *testing.T) {
	t.Parallel()
	r := onSharedNode(t, "killed")
	want := r.fill(200)
	r.start()
	eventually(t, func() error { return r.holdsAtLeast(20) })
	r.kill()
	services, err := r.localServices()
	must(t, err)
	if len(services) == len(want) {
		t.Fatal("it was killed too late to prove anything")
	}
	t.Logf("killed after %d of %d services", len(services), len(want))

	r.start(often)
	r.announces(want...)
	r.ready()
	before, sent := r.footprints(), r.changes()
	if rest := float64(len(want) - len(services)); sent > rest {
		t.Errorf("%v changes for the last %v services", sent, rest)
	}
	r.settled()
	r.untouched(before)
	if again := r.changes(); again != sent {
		t.Errorf("%v changes after everything was announced", again-sent)
	}
}

// holdsAtLeast returns nil once the local agent has n of our services.
func (r *rig) holdsAtLeast(n int) error {
	services, err := r.localServices()
	if err == nil && len(services) < n {
		err = fmt.Errorf("the local agent has %d services, want %d", len(services), n)
	}
	return err
}

// Two that keep the same services would undo each other's work for ever.
func TestSecondInstanceIsRefused(t *testing.T) {
	t.Parallel()
	r := onSharedNode(t, "second")
	want := r.fill(3)
	r.start()
	r.announces(want...)
	first := r.daemon
	second := launch(t, r.binary(), r.env(), "agent", "--config", r.config())
	eventually(t, func() error {
		if second.running() {
			return errors.New("the second one runs")
		}
		return nil
	})
	if code := second.process.ExitCode(); code != 1 || second.count("another k8s-registrar") == 0 {
		t.Errorf("the second one ended with %d:\n%s", code, second.log())
	}
	eventually(t, first.isReady)
	must(t, r.holds(want...))
}
