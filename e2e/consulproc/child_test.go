package consulproc

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// alive says whether there is a process with that ID, a zombie included.
func alive(pid int) bool {
	return syscall.Kill(pid, 0) == nil
}

func TestDiesWithParent(t *testing.T) {
	t.Parallel()
	parent := exec.Command(os.Args[0])
	parent.Env = append(os.Environ(), parentEnv+"=1", "TMPDIR="+t.TempDir())
	output, err := parent.StdoutPipe()
	must(t, err)
	must(t, parent.Start())
	line, err := bufio.NewReader(output).ReadString('\n')
	must(t, err)
	pid, err := strconv.Atoi(strings.TrimSpace(line))
	must(t, err)

	must(t, parent.Process.Kill())
	_ = parent.Wait() // it was killed
	eventually(t, func() error {
		if ended(pid) {
			return nil
		}
		return fmt.Errorf("consul %d outlives its parent", pid)
	})
}

// ended says whether the process is gone, or dead and waiting for an init that takes its time.
func ended(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err != nil || strings.Contains(string(stat), ") Z ")
}

// The thread that calls Start may end without harm to what was started.
func TestOutlivesThread(t *testing.T) {
	t.Parallel()
	var cluster *Cluster
	err := errors.New("start did not return")
	done := make(chan struct{})
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
		defer close(done)
		cluster, err = Start(t.Context(), Options{})
	}()
	<-done
	must(t, err)
	t.Cleanup(func() { must(t, cluster.Stop()) })
	server := cluster.Servers()[0]
	pid := server.PID()
	for range 20 {
		must(t, server.WaitReady(t.Context()))
	}
	if got := server.PID(); got != pid || pid == 0 {
		t.Errorf("pid %d, want %d", got, pid)
	}
}
