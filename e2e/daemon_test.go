package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/k8s-registrar/k8s-registrar/e2e/child"
)

// stopLimit is how long the daemon may take to stop, whatever Consul does.
const stopLimit = 5 * time.Second

// daemon is one run of "k8s-registrar agent".
type daemon struct {
	testing.TB
	process *child.Process
	file    string // everything it wrote
}

// launch runs the program until the test ends, or until it is stopped or killed.
func launch(t testing.TB, program string, env []string, args ...string) *daemon {
	t.Helper()
	cmd := exec.Command(program, args...)
	cmd.Env = env
	d := &daemon{TB: t, file: filepath.Join(t.TempDir(), "log")}
	var err error
	if d.process, err = child.Start(cmd, d.file); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.finish)
	return d
}

// finish ends what still runs, and shows what it wrote if the test failed.
func (d *daemon) finish() {
	d.stop()
	text := d.log()
	for _, bad := range []string{"DATA RACE", "panic:", "fatal error:"} {
		if strings.Contains(text, bad) {
			d.Errorf("k8s-registrar wrote %q", bad)
		}
	}
	if d.Failed() {
		d.Logf("--- k8s-registrar\n%s", tail(text, 100))
	}
}

func (d *daemon) running() bool { return d.process.Running() }

// stop asks the daemon to end, as a supervisor does.
func (d *daemon) stop() {
	d.Helper()
	if !d.running() {
		return
	}
	d.signal(syscall.SIGTERM)
	select {
	case <-d.process.Gone():
		if code := d.process.ExitCode(); code != 0 {
			d.Errorf("k8s-registrar ended with %s, want exit code 0", d.process.State())
		}
	case <-time.After(stopLimit):
		d.Errorf("k8s-registrar did not stop within %v", stopLimit)
		d.kill()
	}
}

// kill ends the daemon at once, as the kernel does when memory runs out.
func (d *daemon) kill() {
	d.signal(syscall.SIGKILL)
	<-d.process.Gone()
}

func (d *daemon) signal(signal syscall.Signal) {
	if err := d.process.Signal(signal); err != nil {
		d.Errorf("k8s-registrar: %v", err)
	}
}

// log returns everything the daemon has written so far.
func (d *daemon) log() string {
	text, err := os.ReadFile(d.file)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// count returns how many lines of the log contain a text.
func (d *daemon) count(text string) int {
	var n int
	for line := range strings.Lines(d.log()) {
		if strings.Contains(line, text) {
			n++
		}
	}
	return n
}

// telemetry returns where the daemon serves its status, which it says in its log.
func (d *daemon) telemetry() (string, error) {
	if !d.running() {
		return "", fmt.Errorf("k8s-registrar ended with %s", d.process.State())
	}
	_, rest, found := strings.Cut(d.log(), "telemetry is served: address=")
	address, _, whole := strings.Cut(rest, "\n")
	if !found || !whole {
		return "", fmt.Errorf("k8s-registrar has not said where it serves telemetry")
	}
	return address, nil
}

// tail returns the last n lines of a text.
func tail(text string, n int) string {
	lines := strings.SplitAfter(text, "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "")
}
