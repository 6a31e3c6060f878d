package e2e

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/k8s-registrar/k8s-registrar/e2e/consulproc"
)

// hup asks the daemon to read everything again.
func (d *daemon) hup() { d.signal(syscall.SIGHUP) }

// rewrite changes the daemon's configuration file.
func (r *rig) rewrite(old, fresh string) {
	r.Helper()
	path := r.config()
	text, err := os.ReadFile(path)
	must(r, err)
	if !strings.Contains(string(text), old) {
		r.Fatalf("%q is not in the configuration", old)
	}
	must(r, os.WriteFile(path, []byte(strings.Replace(string(text), old, fresh, 1)), 0o600))
}

// checked returns nil once the check of a service is told to be like this.
func (r *rig) checked(id, want string) error {
	checks, err := r.local.Agent().ChecksWithFilter(fmt.Sprintf("ServiceID == %q", id))
	if err != nil {
		return err
	}
	for _, check := range checks {
		if strings.Contains(check.Notes, want) {
			return nil
		}
	}
	return fmt.Errorf("no check of %s is %q: %v", id, want, checks)
}

// A HUP takes a new configuration over without a service being away for a moment, or
// refuses it as a whole.
func TestReload(t *testing.T) {
	t.Parallel()
	r := onSharedNode(t, "reload")
	r.put("web", 30000, "")
	r.start(often)
	r.announces("web:30000")
	r.ready()
	before := r.changes()

	r.rewrite(`interval = "1s"`, `interval = "7s"`)
	r.hup()
	eventually(t, func() error { return r.checked(r.id("web"), "every 7s") })
	r.settled()
	if n := r.changes() - before; n != 1 {
		t.Errorf("%v changes for another interval of one check", n)
	}

	r.rewrite(`instance = "reload"`, `instance = "other"`)
	r.hup()
	eventually(t, func() error {
		good, err := r.metric("k8s_registrar_config_last_reload_successful")
		if err == nil && good != 0 {
			err = errors.New("the metric says that the last reload succeeded")
		}
		return err
	})
	if r.count(`instance: it is \"reload\" and cannot become \"other\" without a restart`) != 1 {
		t.Error("the log does not name the setting")
	}
	r.settled()
	r.announces("web:30000")
	r.ready()
	if n := r.changes() - before; n != 1 {
		t.Errorf("%v changes with a configuration that was refused", n-1)
	}
}

// The daemon finds itself in Consul by what it announced, with a check that passes, and
// nobody takes that for a service of the tree.
func TestDaemonAnnouncesItself(t *testing.T) {
	t.Parallel()
	r := onOwnNode(t, "self", consulproc.Node{})
	r.put("web", 30000, "")
	r.start(often, "--telemetry-announce=k8s-registrar")
	r.announces("web:30000")
	eventually(t, func() error {
		entries, _, err := r.server.Health().Service("k8s-registrar", "", true, nil)
		if err != nil {
			return err
		}
		for _, entry := range entries {
			if entry.Node.Node == r.node.Name() {
				return nil
			}
		}
		return errors.New("there is no passing k8s-registrar on this node in the catalog")
	})
	r.ready() // the catalog may know of a change before it is counted
	before := r.changes()
	r.settled()
	if after := r.changes(); after != before {
		t.Errorf("%v changes because of it", after-before)
	}
}
