package child

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// parentEnv makes the test binary the program that TestDiesWithParent kills.
const parentEnv = "CHILD_PARENT"

func TestMain(m *testing.M) {
	if log := os.Getenv(parentEnv); log != "" {
		p, err := Start(exec.Command("sleep", "1000"), log)
		if err != nil {
			panic(err)
		}
		fmt.Println(p.PID())
		select {}
	}
	os.Exit(m.Run())
}

func start(t *testing.T, command ...string) (p *Process, log string) {
	t.Helper()
	log = filepath.Join(t.TempDir(), "log")
	p, err := Start(exec.Command(command[0], command[1:]...), log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Kill() })
	return p, log
}

func TestDiesWithParent(t *testing.T) {
	parent := exec.Command(os.Args[0])
	parent.Env = append(os.Environ(), parentEnv+"="+filepath.Join(t.TempDir(), "log"))
	output, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	line, _ := bufio.NewReader(output).ReadString('\n')
	pid, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		t.Fatal(err)
	}
	_ = parent.Process.Kill()
	_ = parent.Wait() // it was killed
	for deadline := time.Now().Add(30 * time.Second); !ended(pid); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("process %d outlives its parent", pid)
		}
	}
}

// ended says whether the process is gone, or dead and waiting for an init that takes its time.
func ended(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err != nil || strings.Contains(string(stat), ") Z ")
}

// The thread that calls Start may end without harm to what was started.
func TestOutlivesThread(t *testing.T) {
	var p *Process
	done := make(chan struct{})
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
		defer close(done)
		p, _ = start(t, "sleep", "1000")
	}()
	<-done
	time.Sleep(200 * time.Millisecond)
	if !p.Running() {
		t.Errorf("it ended: %v", p.State())
	}
}

func TestHowItEnds(t *testing.T) {
	p, log := start(t, "sh", "-c", "echo out; echo err >&2; exit 3")
	if err := p.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(log); string(text) != "out\nerr\n" || p.Running() || p.ExitCode() != 3 {
		t.Errorf("it wrote %q (%v) and ended with %d", text, err, p.ExitCode())
	}
	if err := p.Signal(syscall.SIGTERM); err != nil {
		t.Errorf("a signal after the end: %v", err)
	}

	p, _ = start(t, "sleep", "1000")
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if err := p.Wait(ctx); !errors.Is(err, context.DeadlineExceeded) || p.State() != nil {
		t.Errorf("while it runs: %v, %v", err, p.State())
	}
	if err := p.Kill(); err != nil || p.ExitCode() != -1 {
		t.Errorf("killed: %v, exit code %d", err, p.ExitCode())
	}

	var none *Process
	if none.Running() || none.Signal(syscall.SIGTERM) != nil || none.Kill() != nil || none.ExitCode() != 0 {
		t.Error("one that never ran has not ended")
	}
	if _, err := Start(exec.Command("/nowhere"), log); err == nil {
		t.Error("a program that is not there runs")
	}
}
