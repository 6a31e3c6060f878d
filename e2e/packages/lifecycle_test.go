package packages

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/k8s-registrar/k8s-registrar/e2e/needs"
)

// machine is a small Debian in a directory, with dpkg, supervisord and systemd. It shares
// the network with this one and nothing else.
type machine struct {
	testing.TB
	root        string
	environment []string
}

// suite is the Debian that the machine runs.
const suite = "bookworm"

func newMachine(t *testing.T, environment []string) *machine {
	t.Helper()
	needs.Root(t)
	needs.Program(t, "debootstrap", "debootstrap")
	fresh, err := shared.machine()
	must(t, err)
	m := &machine{TB: t, root: filepath.Join(t.TempDir(), "root")}
	m.environment = append(environment, "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C", "DEBIAN_FRONTEND=noninteractive")
	output(t, "cp", "-a", fresh, m.root)
	return m
}

func (m *machine) command(name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(m.Context(), "chroot", append([]string{m.root, name}, args...)...)
	cmd.Env = m.environment
	return cmd
}

// run runs a program on the machine that has to succeed.
func (m *machine) run(name string, args ...string) string {
	m.Helper()
	printed, err := m.command(name, args...).CombinedOutput()
	if err != nil {
		m.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, printed)
	}
	return string(printed)
}

// install installs or upgrades with the real dpkg, which keeps a changed configuration.
func (m *machine) install(path string) string {
	m.Helper()
	must(m, os.CopyFS(filepath.Join(m.root, "tmp"), os.DirFS(filepath.Dir(path))))
	return m.run("dpkg", "--force-confold", "--install", "/tmp/"+filepath.Base(path))
}

func (m *machine) read(path string) string {
	m.Helper()
	return text(m, filepath.Join(m.root, path))
}

// has says whether a file or a directory is there.
func (m *machine) has(path string) bool {
	_, err := os.Lstat(filepath.Join(m.root, path))
	return err == nil
}

// supervise runs the machine's own supervisord.
func (m *machine) supervise() {
	m.Helper()
	m.run("cp", "/usr/share/k8s-registrar/supervisord/k8s-registrar.conf", "/etc/supervisor/conf.d/")
	var printed bytes.Buffer
	cmd := m.command("supervisord", "--nodaemon", "--configuration=/etc/supervisor/supervisord.conf")
	cmd.Stdout, cmd.Stderr = &printed, &printed
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	must(m, cmd.Start())
	m.Cleanup(func() {
		_ = cmd.Wait() // it was cancelled
		if m.Failed() {
			m.Log(printed.String())
		}
	})
}

// newer makes of a package the next version, whose configuration has changed.
func newer(t *testing.T, path string) string {
	t.Helper()
	dir, next := filepath.Join(t.TempDir(), "next"), filepath.Join(t.TempDir(), "next.deb")
	output(t, "dpkg-deb", "--raw-extract", path, dir)
	for file, change := range map[string]func(string) string{
		"DEBIAN/control":               func(s string) string { return strings.Replace(s, "Version: "+version, "Version: 0.0.2", 1) },
		"etc/k8s-registrar/config.hcl": func(s string) string { return s + "# A setting that is new.\n" },
	} {
		file = filepath.Join(dir, file)
		must(t, os.WriteFile(file, []byte(change(text(t, file))), 0o644))
	}
	output(t, "dpkg-deb", "--build", "-Zgzip", dir, next)
	return next
}

// A node's whole life, with the real dpkg and supervisord: installed, configured by one
// line, started, upgraded, removed, purged.
func TestLifeOfAPackage(t *testing.T) {
	t.Parallel()
	needs.Program(t, "dpkg-deb", "dpkg")
	n := newNode(t)
	users := text(t, "/etc/passwd")
	m := newMachine(t, n.environment())

	if said := m.install(deb(t, host)); !strings.Contains(said, "Set key_path in /etc/k8s-registrar/config.hcl") {
		t.Errorf("it does not say how to go on:\n%s", said)
	}
	if user := m.run("getent", "passwd", "k8s-registrar"); !strings.HasSuffix(user, ":/nonexistent:/usr/sbin/nologin\n") {
		t.Errorf("the user is %q", user)
	}
	must(t, n.gone()) // nothing runs by itself

	const file = "/etc/k8s-registrar/config.hcl"
	m.run("sed", "-i", `s|^key_path = .*|key_path = "`+keyPath+`"|`, file)
	if plan := m.run("k8s-registrar", "plan"); !strings.Contains(plan, "3 to add") {
		t.Errorf("the plan is\n%s", plan)
	}
	configured := m.read(file)
	m.supervise()
	n.announced()
	before := m.process()

	if said := m.install(newer(t, deb(t, host))); strings.Contains(said, "it does not run yet") {
		t.Errorf("an upgrade says\n%s", said)
	}
	if after := m.process(); after == before || after == "0" {
		t.Errorf("after the upgrade process %s runs, before it was %s", after, before)
	}
	if got := m.read(file); got != configured || !m.has(file+".dpkg-dist") {
		t.Error("the upgrade has not kept the configuration")
	}
	m.ready(n)

	canPurge := m.command("k8s-registrar", "purge", "--help").Run() == nil
	if said := m.run("dpkg", "--remove", "k8s-registrar"); !strings.Contains(said, "stays in Consul") {
		t.Errorf("removing says\n%s", said)
	}
	if m.process() != "0" || m.has("/usr/bin/k8s-registrar") || !m.has(file) {
		t.Error("removing has left the program, or not the configuration")
	}
	n.neverMissed()

	said := m.run("dpkg", "--purge", "k8s-registrar")
	for _, path := range []string{"/etc/k8s-registrar", "/var/log/k8s-registrar", "/var/lib/k8s-registrar"} {
		if m.has(path) {
			t.Errorf("purging has left %s", path)
		}
	}
	if canPurge {
		if !strings.Contains(said, "taking out of Consul") {
			t.Errorf("purging says\n%s", said)
		}
		eventually(t, n.gone)
	} else {
		n.neverMissed()
	}
	if text(t, "/etc/passwd") != users {
		t.Error("the users of this very machine have changed")
	}
}

// process returns the daemon's process as supervisord knows it, "0" for none.
func (m *machine) process() string {
	m.Helper()
	printed, _ := m.command("supervisorctl", "pid", "k8s-registrar").Output() // its exit code tells the state
	return strings.TrimSpace(string(printed))
}

// ready waits until the daemon has looked at everything, and is not root.
func (m *machine) ready(n *node) {
	m.Helper()
	eventually(m, func() error {
		_, err := fetch(m.Context(), "http://"+n.telemetry()+"/-/ready")
		return err
	})
	status := text(m, "/proc/"+m.process()+"/status")
	if regexp.MustCompile(`(?m)^Uid:\s+0\s`).MatchString(status) {
		m.Error("the daemon runs as root")
	}
}
