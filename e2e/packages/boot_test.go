package packages

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/k8s-registrar/k8s-registrar/e2e/needs"
	"github.com/k8s-registrar/k8s-registrar/e2e/rig"
)

// bootScript runs systemd as the first process of namespaces of its own, in the directory
// $1 and the control group $2. A root that is only changed to is not enough: the kernel
// makes no user namespace in it, and the unit asks for one. Mounts are shared, so that what
// systemd hands over as a credential is seen by the unit.
const bootScript = `set -e
mount --make-rprivate /
mount -t cgroup2 cgroup2 /mnt
mkdir "/mnt/$2"
echo $$ >"/mnt/$2/cgroup.procs"
umount /mnt
exec unshare --pid --fork --kill-child --mount --uts --ipc --cgroup sh -e -c '
mount --bind "$1" "$1"
cd "$1"
mount -t proc proc proc
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs -o mode=755 tmpfs dev
for node in null:1:3 zero:1:5 full:1:7 random:1:8 urandom:1:9 tty:5:0; do
	IFS=:; set -- $node; mknod -m 666 "dev/$1" c "$2" "$3"
done
mkdir dev/pts dev/shm old
ln -s pts/ptmx dev/ptmx
mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
mount -t tmpfs tmpfs dev/shm
pivot_root . old
umount -l old
mount --make-rshared /
exec env -i container=other PATH=/usr/sbin:/usr/bin /lib/systemd/systemd --system --unit=multi-user.target --show-status=no
' sh "$1"
`

// sweepScript removes the control groups that systemd has left below $1.
const sweepScript = `set -e
mount -t cgroup2 cgroup2 /mnt
cd /mnt
find "$1" -depth -type d -exec rmdir {} +`

// system is a machine that its own systemd runs.
type system struct {
	*machine
	init int // systemd's process
}

// boot starts the machine's systemd.
func (m *machine) boot() *system {
	m.Helper()
	group := "k8s-registrar-test-" + strconv.Itoa(os.Getpid())
	printed, err := os.Create(filepath.Join(m.TempDir(), "printed"))
	must(m, err)
	said := func() string {
		text, _ := os.ReadFile(printed.Name())
		return string(text)
	}
	cmd := exec.Command("unshare", "--mount", "sh", "-c", bootScript, "sh", m.root, group)
	cmd.Stdout, cmd.Stderr = printed, printed
	must(m, cmd.Start())
	must(m, printed.Close())
	m.Cleanup(func() {
		_ = cmd.Process.Kill() // and with it, by --kill-child, all that it runs
		_ = cmd.Wait()
		sweep := func() error { return command("unshare", "--mount", "sh", "-c", sweepScript, "sh", group) }
		if err := rig.Eventually(context.Background(), time.Minute, sweep); err != nil {
			m.Error(err)
		}
		if m.Failed() {
			m.Log(said())
		}
	})
	s := &system{machine: m}
	eventually(m, func() (err error) {
		if s.init, err = childOf(cmd.Process.Pid); err != nil {
			return fmt.Errorf("%w\n%s", err, said())
		}
		if state, _ := s.inside("systemctl", "is-system-running").Output(); !slices.Contains([]string{"running\n", "degraded\n"}, string(state)) {
			return fmt.Errorf("systemd is %s", state)
		}
		return nil
	})
	return s
}

// childOf returns the only child of a process.
func childOf(pid int) (int, error) {
	children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.TrimSpace(string(children)))
}

// inside is a program in all of the machine's namespaces.
func (s *system) inside(name string, args ...string) *exec.Cmd {
	at := []string{"--target", strconv.Itoa(s.init), "--all", "--root", "--", name}
	cmd := exec.CommandContext(s.Context(), "nsenter", append(at, args...)...)
	cmd.Dir, cmd.Env = "/", s.environment
	return cmd
}

// do runs a program that has to succeed.
func (s *system) do(name string, args ...string) string {
	s.Helper()
	printed, err := s.inside(name, args...).CombinedOutput()
	if err != nil {
		s.Fatalf("%s %s: %v\n%s%s", name, strings.Join(args, " "), err, printed, s.journal())
	}
	return string(printed)
}

// journal returns what systemd and the daemon have said of the unit.
func (s *system) journal() string {
	printed, _ := s.inside("journalctl", "--unit=k8s-registrar", "--no-pager", "--lines=40").CombinedOutput()
	return string(printed)
}

// shows returns a property of the unit.
func (s *system) shows(property string) string {
	s.Helper()
	return strings.TrimSpace(s.do("systemctl", "show", "--value", "--property="+property, "k8s-registrar"))
}

// becomes waits until a property of the unit contains a text.
func (s *system) becomes(property, want string) {
	s.Helper()
	eventually(s, func() error {
		if got := s.shows(property); !strings.Contains(got, want) {
			return fmt.Errorf("%s is %q, want %q", property, got, want)
		}
		return nil
	})
}

// A node's whole life under a real systemd, hardened and with the token handed over by it:
// enabled, reloaded, stuck, misconfigured, upgraded, removed, purged.
func TestLifeUnderSystemd(t *testing.T) {
	t.Parallel()
	needs.Root(t)
	needs.Namespaces(t)
	n := newNode(t)
	m := newMachine(t, n.environment())
	m.install(deb(t, host))
	const file = "/etc/k8s-registrar/config.hcl"
	m.run("sed", "-i", `s|^key_path = .*|key_path = "`+keyPath+`"|`, file)
	write(t, m.root+"/etc/default/k8s-registrar", strings.Join(n.environment(), "\n")+"\n")
	const dropIns = "/etc/systemd/system/k8s-registrar.service.d/"
	m.run("install", "-D", "-m", "0644", "/usr/share/k8s-registrar/systemd/token.conf", dropIns+"token.conf")
	must(t, os.WriteFile(m.root+"/etc/k8s-registrar/token", []byte("5f1c0a3e-0000-0000-0000-000000000001\n"), 0o600))
	write(t, m.root+dropIns+"short.conf", "[Service]\nWatchdogSec=3\nRestartSec=1\n")
	s := m.boot()
	must(t, n.gone()) // nothing runs by itself

	s.do("systemctl", "enable", "--now", "k8s-registrar")
	n.announced()
	s.becomes("StatusText", "3 services announced, all passing")

	good := m.read(file)
	first := s.shows("MainPID")
	write(t, m.root+file, good+"chek {}\n")
	s.do("systemctl", "reload", "k8s-registrar")
	s.becomes("StatusText", "the new configuration is refused")
	write(t, m.root+file, good)
	s.do("systemctl", "reload", "k8s-registrar")
	eventually(t, func() error { // a reload has been asked for, and may not have begun
		if status := s.shows("StatusText"); strings.Contains(status, "refused") {
			return fmt.Errorf("the status is still %q", status)
		}
		return nil
	})
	if now := s.shows("MainPID"); now != first {
		t.Errorf("a reload has made process %s of %s", now, first)
	}

	s.do("sh", "-c", "kill -STOP "+first)
	s.becomes("NRestarts", "1")
	s.becomes("ActiveState", "active")

	write(t, m.root+file, good+"chek {}\n")
	if err := s.inside("systemctl", "restart", "k8s-registrar").Run(); err == nil {
		t.Error("it starts with a bad configuration")
	}
	if state, code := s.shows("ActiveState"), s.shows("ExecMainStatus"); state != "failed" || code != "3" {
		t.Errorf("with a bad configuration it is %s after exit code %s", state, code)
	}
	write(t, m.root+file, good)
	s.do("systemctl", "start", "k8s-registrar")

	before := s.shows("MainPID")
	next := newer(t, deb(t, host))
	must(t, os.CopyFS(m.root+"/root", os.DirFS(next[:strings.LastIndex(next, "/")])))
	s.do("dpkg", "--force-confold", "--install", "/root/next.deb")
	if after := s.shows("MainPID"); after == before || after == "0" {
		t.Errorf("after the upgrade process %s runs, before it was %s", after, before)
	}
	s.becomes("StatusText", "3 services announced, all passing")

	s.do("dpkg", "--remove", "k8s-registrar")
	if state, _ := s.inside("systemctl", "is-active", "k8s-registrar").Output(); string(state) != "inactive\n" {
		t.Errorf("after removing it is %s", state)
	}
	n.neverMissed()
	s.do("dpkg", "--purge", "k8s-registrar")
	eventually(t, n.gone)
}
