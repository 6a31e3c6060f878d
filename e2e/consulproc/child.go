package consulproc

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
)

// A child is one run of the program, from its start to its end.
type child struct {
	process *os.Process
	gone    chan struct{} // closed when the child has ended and been waited for
}

// spawn starts binary in dir with its output appended to the file log.
//
// The kernel sends the child's death signal when the thread that forked it ends, not when
// this program does, and the runtime ends threads as it likes. So one goroutine, locked to
// its thread, forks the child and then waits for it: the thread outlives the child unless
// the whole program ends, and that is when the signal is wanted.
func spawn(dir, log, binary string, args ...string) (*child, error) {
	output, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer output.Close()
	cmd := exec.Command(binary, args...)
	cmd.Dir, cmd.Env = dir, environment(dir)
	cmd.Stdout, cmd.Stderr = output, output
	cmd.SysProcAttr = procAttr()

	c := &child{gone: make(chan struct{})}
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		c.process = cmd.Process
		started <- err
		if err == nil {
			_ = cmd.Wait() // how it ended is in its log
			close(c.gone)
		}
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("run %s: %w", binary, err)
	}
	return c, nil
}

// environment keeps the variables of whoever runs the tests, CONSUL_* above all, from the child.
func environment(dir string) []string {
	return []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "TMPDIR=" + dir}
}

// running says whether the child has not ended yet.
func (c *child) running() bool {
	if c == nil {
		return false
	}
	select {
	case <-c.gone:
		return false
	default:
		return true
	}
}
