package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

// killAfter is when a process that was asked to end is made to: more than the 5 s that
// the agent promises to need at most.
const killAfter = 10 * time.Second

// A process runs in the background and cannot outlive this program.
type process struct {
	cmd  *exec.Cmd
	gone chan struct{} // closed when it has ended
	err  error         // how it ended; valid when gone is closed
}

// launch runs cmd. Its goroutine keeps the thread that forked the process: the kernel
// sends the death signal when that thread ends.
func launch(cmd *exec.Cmd) (*process, error) {
	cmd.SysProcAttr = procAttr()
	p := &process{cmd: cmd, gone: make(chan struct{})}
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			p.err = cmd.Wait()
			close(p.gone)
		}
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("run %s: %w", cmd.Path, err)
	}
	return p, nil
}

// running says whether the process has not ended yet.
func (p *process) running() bool {
	if p == nil {
		return false
	}
	select {
	case <-p.gone:
		return false
	default:
		return true
	}
}

// stop asks the process to end with TERM and returns when it has, however it did.
func (p *process) stop() error {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("terminate %s: %w", p.cmd.Path, err)
	}
	select {
	case <-p.gone:
		return nil
	case <-time.After(killAfter):
		_ = p.cmd.Process.Kill() // it may end just now
		<-p.gone
		return fmt.Errorf("terminate %s: it did not end within %s", p.cmd.Path, killAfter)
	}
}
