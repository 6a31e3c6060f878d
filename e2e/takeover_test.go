package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/k8s-registrar/k8s-registrar/e2e/child"
	"github.com/k8s-registrar/k8s-registrar/e2e/consulproc"
)

// oldStack is a node that consul-template announces: its file is loaded by Consul, and
// every port is alive.
type oldStack struct {
	*rig
	file  string
	names []string
}

// oldService is one as k8s-deployer's plugin prints it.
type oldService struct {
	Name string   `json:"name"`
	Port int      `json:"port"`
	Tags []string `json:"tags"`
}

// onOldNode returns such a node with n services s000 and so on, and more that the tree
// does not have.
func onOldNode(t testing.TB, name string, n int, more ...oldService) *oldStack {
	t.Helper()
	dir := t.TempDir()
	s := &oldStack{file: filepath.Join(dir, "k8s-services.json")}
	var services []oldService
	for i := range n {
		service := oldService{fmt.Sprintf("s%03d", i), 30000 + i, []string{"a"}}
		s.names = append(s.names, service.Name)
		services = append(services, service)
	}
	writeOld(t, s.file, append(services, more...))
	s.rig = onOwnNode(t, name, consulproc.Node{ConfigDir: dir})
	for i := range n {
		s.listen(30000 + i)
	}
	s.fill(n)
	s.old(n + len(more))
	return s
}

func writeOld(t testing.TB, file string, services []oldService) {
	t.Helper()
	text, err := json.MarshalIndent(map[string]any{"services": services}, "", "  ")
	must(t, err)
	must(t, os.WriteFile(file, text, 0o600))
}

// old waits until agent and catalog hold so many services that are not ours.
func (s *oldStack) old(n int) {
	s.Helper()
	eventually(s, func() error {
		var faults []error
		here, err := s.local.Agent().ServicesWithFilterOpts(`ID matches "^s[0-9]+$|^gone$"`, s.query())
		must(s, err)
		there, err := inCatalog(s.server, s.node.Name(), s.query())
		must(s, err)
		for id := range there {
			if strings.HasPrefix(id, "k8s-registrar-") {
				delete(there, id)
			}
		}
		if len(here) != n || len(there) != n {
			faults = append(faults, fmt.Errorf("%d old services on the agent and %d in the catalog, want %d", len(here), len(there), n))
		}
		return errors.Join(faults...)
	})
}

// takeover runs the command and expects an exit code.
func (s *oldStack) takeover(want int, flags ...string) (output string) {
	s.Helper()
	stdout, stderr, code := s.once("takeover", append([]string{"--file", s.file, "--yes", "--timeout=1m"}, flags...)...)
	if code != want {
		s.Fatalf("exit code %d, want %d:\n%s%s", code, want, stdout, stderr)
	}
	return stdout + stderr
}

// isNew fails the test unless ours are all that is there, and isOld unless the old are.
func (s *oldStack) isNew() {
	s.Helper()
	s.old(0)
	must(s, s.holds(s.announced()...))
	s.inPlace(false)
}

func (s *oldStack) isOld(n int) {
	s.Helper()
	s.old(n)
	must(s, s.holds())
	s.inPlace(true)
}

func (s *oldStack) announced() []string {
	var all []string
	for i, name := range s.names {
		all = append(all, fmt.Sprintf("%s:%d", name, 30000+i))
	}
	return all
}

func (s *oldStack) inPlace(want bool) {
	s.Helper()
	_, err := os.Stat(s.file)
	if got := !errors.Is(err, fs.ErrNotExist); got != want {
		s.Errorf("the file is in its place: %t, want %t", got, want)
	}
}

// There and back, each twice, and nobody who reads the catalog notices.
func TestTakeover(t *testing.T) {
	t.Parallel()
	s := onOldNode(t, "takeover", 8)
	stop := s.visit(s.names...)
	if output := s.takeover(0, "--plan"); !strings.Contains(output, "8 services in the file: 8 the same, 0 with other tags, 0 that we do not announce; 0 more that we do.") {
		t.Errorf("the plan says\n%s", output)
	}
	s.isOld(8)
	t.Log(s.takeover(0))
	s.isNew()
	s.takeover(0)
	s.isNew()
	t.Log(s.takeover(0, "--rollback"))
	s.isOld(8)
	s.takeover(0, "--rollback")
	s.isOld(8)
	stop().content(t)
}

// The daemon runs already: it registers, and a rollback waits for it to be stopped.
func TestTakeoverBesideTheDaemon(t *testing.T) {
	t.Parallel()
	s := onOldNode(t, "takeover-daemon", 8)
	stop := s.visit(s.names...)
	s.start()
	s.takeover(0)
	s.isNew()
	if output := s.takeover(1, "--rollback"); !strings.Contains(output, "another k8s-registrar already keeps its services") {
		t.Errorf("it says\n%s", output)
	}
	s.isNew()
	s.stop()
	s.takeover(0, "--rollback")
	s.isOld(8)
	stop().content(t)
}

// Whoever is killed at any step can go on, or back.
func TestTakeoverIsKilled(t *testing.T) {
	t.Parallel()
	s := onOldNode(t, "takeover-killed", 4)
	stop := s.visit(s.names...)
	for _, way := range []struct {
		flags []string
		steps []string
	}{
		{nil, []string{"register ours", "wait until ours", "move the file aside", "reload Consul", "wait until the old ones"}},
		{[]string{"--rollback"}, []string{"put the file back", "reload Consul", "wait until the old ones", "remove ours"}},
	} {
		for _, step := range way.steps {
			for _, next := range [][]string{nil, {"--rollback"}} {
				if len(way.flags) > 0 {
					s.takeover(0) // to have something to go back from
				}
				args := append([]string{"takeover", "--config", s.config(), "--file", s.file, "--yes", "--timeout=1m"}, way.flags...)
				d := launch(t, s.binary(), s.env(), args...)
				for d.running() && d.count(step) == 0 {
					time.Sleep(time.Millisecond)
				}
				if d.running() {
					d.kill()
				}
				t.Logf("killed at %q of %v, then %v", step, way.flags, next)
				s.takeover(0, next...)
				if len(next) > 0 {
					s.isOld(4)
				} else {
					s.isNew()
					s.takeover(0, "--rollback")
				}
			}
		}
	}
	stop().content(t)
}

// A service that nobody would announce any more keeps the file where it is, if it is
// alive. A dead one is missed by nobody.
func TestTakeoverLosesNothing(t *testing.T) {
	t.Parallel()
	s := onOldNode(t, "takeover-loss", 2, oldService{"gone", 30900, nil})
	if output := s.takeover(0, "--plan"); !strings.Contains(output, "- gone:30900\n    nothing of ours takes its place: the tree asks for no service of this name") {
		t.Errorf("the plan says\n%s", output)
	}
	s.listen(30900)
	if output := s.takeover(1, "--timeout=3s"); !strings.Contains(output, "nothing is retired: for 1 of 3 old services nothing would be left that passes: gone:30900 (the catalog has none of ours)") {
		t.Errorf("it says\n%s", output)
	}
	s.old(3)
	s.inPlace(true)
	s.takeover(0, "--timeout=3s", "--force")
	s.isNew()
	s.takeover(0, "--rollback")
	s.isOld(3)
}

// A dead port is missed by nobody, which is said.
func TestTakeoverWithADeadPort(t *testing.T) {
	t.Parallel()
	s := onOldNode(t, "takeover-dead", 2, oldService{"gone", 30900, nil})
	if output := s.takeover(0); !strings.Contains(output, "gone:30900 goes: the catalog has none of ours, dead: true") {
		t.Errorf("it says\n%s", output)
	}
	s.isNew()
}

// A node in maintenance would lose everything, and ours that are not alive are no
// replacement.
func TestTakeoverOfANodeInMaintenance(t *testing.T) {
	t.Parallel()
	s := onOldNode(t, "takeover-maintained", 2)
	s.maintenance("on")
	if output := s.takeover(1, "--timeout=3s"); !strings.Contains(output, "ours is in maintenance mode") {
		t.Errorf("it says\n%s", output)
	}
	s.old(2)
	s.maintenance("off")
	s.takeover(0)
	s.isNew()
}

// consul-template would write the file again.
func TestTakeoverWhileConsulTemplateRuns(t *testing.T) {
	t.Parallel()
	s := onOldNode(t, "takeover-writer", 2)
	template := &exec.Cmd{Path: "/bin/sh", Args: []string{"/usr/local/bin/consul-template", "-c", "sleep 60 & wait", s.file}}
	writer, err := child.Start(template, filepath.Join(t.TempDir(), "log"))
	must(t, err)
	if output := s.takeover(1); !strings.Contains(output, fmt.Sprintf("consul-template runs (pid %d) and would write %s again", writer.PID(), s.file)) {
		t.Errorf("it says\n%s", output)
	}
	s.old(2)
	s.inPlace(true)
	must(t, writer.Kill())

	// One that is not seen writes it again a moment after its services have gone.
	text, err := os.ReadFile(s.file)
	must(t, err)
	go func() {
		for t.Context().Err() == nil {
			there, err := inCatalog(s.server, s.node.Name(), s.query())
			if _, old := there["s000"]; err == nil && len(there) > 0 && !old {
				time.Sleep(time.Second) // the takeover looks on for three
				_ = os.WriteFile(s.file, text, 0o600)
				return
			}
			time.Sleep(10 * time.Millisecond)
		}
	}()
	if output := s.takeover(1); !strings.Contains(output, "somebody has written "+s.file+" again") {
		t.Errorf("it says\n%s", output)
	}
	s.takeover(0)
	s.isNew()
}
