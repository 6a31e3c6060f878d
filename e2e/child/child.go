// Package child runs programs that cannot outlive this one, however it ends.
package child

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
)

// A Process is one run of a program, from its start to its end. A nil Process has ended.
type Process struct {
	cmd  *exec.Cmd
	gone chan struct{} // closed when it has ended and been waited for
}

// Start runs a command with its output appended to the file log.
//
// The kernel sends the child's death signal when the thread that forked it ends, not when
// this program does, and the runtime ends threads as it likes. So one goroutine, locked to
// its thread, forks the child and then waits for it: the thread outlives the child unless
// the whole program ends, and that is when the signal is wanted.
func Start(cmd *exec.Cmd, log string) (*Process, error) {
	output, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open log: %w", err)
	}
	defer output.Close()
	cmd.Stdout, cmd.Stderr, cmd.SysProcAttr = output, output, procAttr()
	p := &Process{cmd: cmd, gone: make(chan struct{})}
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // how it ended is in its ProcessState
			close(p.gone)
		}
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("run %s: %w", cmd.Path, err)
	}
	return p, nil
}

// PID returns the process ID. It stays the same when the process has ended.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Gone returns a channel that is closed when the process has ended.
func (p *Process) Gone() <-chan struct{} { return p.gone }

// Running says whether the process has not ended yet.
func (p *Process) Running() bool {
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

// Signal sends a signal. A process that has ended needs none.
func (p *Process) Signal(signal syscall.Signal) error {
	if !p.Running() {
		return nil
	}
	if err := p.cmd.Process.Signal(signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("send %s: %w", signal, err)
	}
	return nil
}

// Kill ends the process as the kernel does when memory runs out, and returns when it has
// ended.
func (p *Process) Kill() error {
	if err := p.Signal(syscall.SIGKILL); err != nil {
		return err
	}
	return p.Wait(context.Background())
}

// Wait returns when the process has ended, or with the error of ctx.
func (p *Process) Wait(ctx context.Context) error {
	if p == nil {
		return nil
	}
	select {
	case <-p.gone:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// State says how the process ended; nil while it runs.
func (p *Process) State() *os.ProcessState {
	if p == nil || p.Running() {
		return nil
	}
	return p.cmd.ProcessState
}

// ExitCode returns the exit code of a process that has ended, and -1 if a signal ended it.
func (p *Process) ExitCode() int {
	if p == nil {
		return 0
	}
	return p.State().ExitCode()
}
