package packaging

import (
	"bufio"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// TestCrashIsNoMistake: what ends by a fault of its own, or by systemd's watchdog, does not
// end with the code of a mistake on the command line, which is not tried again.
func TestCrashIsNoMistake(t *testing.T) {
	daemon := exec.Command(build(t), "agent", "--config=", "--consul-address=127.0.0.1:1", "--telemetry-listen=127.0.0.1:0")
	daemon.Env = []string{}
	log, err := daemon.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := daemon.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(log)
	for !strings.Contains(lines.Text(), "telemetry is served") {
		if !lines.Scan() {
			t.Fatal("it has ended by itself")
		}
	}
	if err := daemon.Process.Signal(syscall.SIGABRT); err != nil {
		t.Fatal(err)
	}
	var said strings.Builder
	for lines.Scan() {
		said.WriteString(lines.Text() + "\n")
	}
	_ = daemon.Wait() // how it ended is in its state
	if code := daemon.ProcessState.ExitCode(); code != -1 {
		t.Errorf("it ended with exit code %d, and not by the signal", code)
	}
	if !strings.Contains(said.String(), "goroutine ") {
		t.Errorf("it does not say where it was:\n%s", said.String())
	}
}
