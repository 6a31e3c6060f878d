package packages

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/k8s-registrar/k8s-registrar/e2e/needs"
)

// supervisor is a real supervisord that runs a program file.
type supervisor struct {
	testing.TB
	dir string
}

// startSupervisor runs the program file that is shipped, but for the user, and with all
// its paths below a directory of the test's own.
func startSupervisor(t *testing.T, environment []string) *supervisor {
	t.Helper()
	program := needs.Program(t, "supervisord", "supervisor")
	needs.Program(t, "supervisorctl", "supervisor")
	dir, err := os.MkdirTemp("", "sv-") //nolint:usetesting // a socket in t.TempDir has too long a name
	must(t, err)
	closing(t, func() error { return os.RemoveAll(dir) })
	s := &supervisor{TB: t, dir: dir}
	moved := strings.NewReplacer(
		"=/", "="+dir+"/", " /etc/", " "+dir+"/etc/", "user=k8s-registrar\n", "",
	).Replace(text(t, packaging+"supervisord/k8s-registrar.conf"))
	write(t, dir+"/k8s-registrar.conf", moved)
	write(t, dir+"/supervisord.conf", fmt.Sprintf(`[supervisord]
logfile=%[1]s/supervisord.log
pidfile=%[1]s/supervisord.pid
childlogdir=%[1]s
[unix_http_server]
file=%[1]s/sock
[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
[supervisorctl]
serverurl=unix://%[1]s/sock
[include]
files=%[1]s/k8s-registrar.conf
`, dir))
	must(t, os.MkdirAll(dir+"/var/log/k8s-registrar", 0o755))
	must(t, os.MkdirAll(dir+"/usr/bin", 0o755))
	must(t, os.Symlink(binary(t), dir+"/usr/bin/k8s-registrar"))
	s.configure(keyPath)

	cmd := exec.Command(program, "-n", "-c", dir+"/supervisord.conf")
	cmd.Env = append(environment, "PATH="+os.Getenv("PATH"))
	must(t, cmd.Start())
	closing(t, func() error {
		must(t, cmd.Process.Signal(syscall.SIGTERM)) // it stops its programs first
		return cmd.Wait()
	})
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(text(t, dir+"/supervisord.log"))
			t.Log(s.log())
		}
	})
	return s
}

func (s *supervisor) configure(keyPath string) {
	s.Helper()
	write(s, s.dir+"/etc/k8s-registrar/config.hcl", fmt.Sprintf("key_path = %q\n", keyPath))
}

// ctl runs supervisorctl, whose exit code says what the state is and not if it worked.
func (s *supervisor) ctl(args ...string) string {
	s.Helper()
	printed, _ := exec.CommandContext(s.Context(), "supervisorctl", append([]string{"-c", s.dir + "/supervisord.conf"}, args...)...).CombinedOutput()
	return strings.TrimSpace(string(printed))
}

// pid waits until the program runs in another process than before, and returns that.
func (s *supervisor) pid(before int) (pid int) {
	s.Helper()
	eventually(s, func() error {
		status := s.ctl("status", "k8s-registrar")
		if !strings.Contains(status, "RUNNING") {
			return fmt.Errorf("status: %s", status)
		}
		var err error
		if pid, err = strconv.Atoi(s.ctl("pid", "k8s-registrar")); err == nil && (pid == 0 || pid == before) {
			err = fmt.Errorf("process %d still", pid)
		}
		return err
	})
	return pid
}

// state waits for a word in what supervisorctl says of the program.
func (s *supervisor) state(want string) {
	s.Helper()
	eventually(s, func() error {
		if status := s.ctl("status", "k8s-registrar"); !strings.Contains(status, want) {
			return fmt.Errorf("status: %s, want %s", status, want)
		}
		return nil
	})
}

// log returns what the program has written where its file says.
func (s *supervisor) log() string {
	content, err := os.ReadFile(filepath.Join(s.dir, "var/log/k8s-registrar/k8s-registrar-stderr.log"))
	if err != nil {
		return err.Error()
	}
	return string(content)
}

// logged waits until the log has so many matches of an expression.
func (s *supervisor) logged(want string, times int) {
	s.Helper()
	eventually(s, func() error {
		if n := len(regexp.MustCompile(want).FindAllString(s.log(), -1)); n < times {
			return fmt.Errorf("%q is %d times in the log, want %d", want, n, times)
		}
		return nil
	})
}

func TestSupervisordRunsTheProgram(t *testing.T) {
	t.Parallel()
	needs.Program(t, "supervisord", "supervisor")
	n := newNode(t)
	s := startSupervisor(t, n.environment())
	first := s.pid(0)
	n.announced()

	must(t, syscall.Kill(first, syscall.SIGKILL))
	second := s.pid(first)
	s.logged("telemetry is served", 2) // from here on it listens to HUP

	if said := s.ctl("signal", "HUP", "k8s-registrar"); !strings.Contains(said, "signalled") {
		t.Errorf("signal HUP: %s", said)
	}
	s.logged("HUP|configuration was read again", 1)
	if third := s.pid(0); third != second {
		t.Errorf("HUP made process %d of %d", third, second)
	}

	must(t, syscall.Kill(second, syscall.SIGABRT)) // it ends as by a panic
	fourth := s.pid(second)

	s.ctl("restart", "k8s-registrar")
	s.pid(fourth)

	s.ctl("stop", "k8s-registrar")
	s.state("STOPPED")
	const farewell = "stopped, the services stay registered"
	if !strings.HasSuffix(strings.TrimSpace(s.log()), farewell) { // else it was killed in the end
		t.Errorf("its last words are not %q", farewell)
	}
	n.neverMissed()
}

// What a human has to mend is not tried again and again.
func TestSupervisordLeavesBadConfigurationAlone(t *testing.T) {
	t.Parallel()
	needs.Program(t, "supervisord", "supervisor")
	n := newNode(t)
	s := startSupervisor(t, n.environment())
	s.pid(0)
	s.ctl("stop", "k8s-registrar")
	s.configure("/kubernetes/")
	s.ctl("start", "k8s-registrar")
	s.state("EXITED")
	if log := text(t, s.dir+"/supervisord.log"); strings.Count(log, "exit status 3; expected") != 1 {
		t.Error("it was not left alone after it ended once with 3")
	}
	s.configure(keyPath)
	s.ctl("start", "k8s-registrar")
	s.pid(0)
	n.announced()
}
