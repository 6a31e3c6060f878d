package rig

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
)

// A process is one run of a program that cannot outlive this one. A nil process has
// ended.
type process struct {
	cmd  *exec.Cmd
	gone chan struct{} // closed when it has ended and been waited for
}

// spawn runs a program with its output appended to a file. One goroutine, locked to its
// thread, starts the program and waits for it: the kernel sends the death signal when
// that thread ends, which must not be earlier than this program does.
func spawn(log string, environment []string, binary string, args ...string) (*process, error) {
	output, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open log: %w", err)
	}
	defer output.Close()
	cmd := exec.Command(binary, args...)
	cmd.Env, cmd.Stdout, cmd.Stderr, cmd.SysProcAttr = environment, output, output, procAttr()
	p := &process{cmd: cmd, gone: make(chan struct{})}
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
		return nil, fmt.Errorf("run %s: %w", binary, err)
	}
	return p, nil
}

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

// signal sends a signal; a process that has ended needs none.
func (p *process) signal(signal os.Signal) error {
	if !p.running() {
		return nil
	}
	if err := p.cmd.Process.Signal(signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("send %s: %w", signal, err)
	}
	return nil
}

func (p *process) wait() {
	if p != nil {
		<-p.gone
	}
}

func (p *process) waitFor(ctx context.Context) error {
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

// exitCode is -1 if a signal ended the process. It must have ended.
func (p *process) exitCode() int {
	if p == nil {
		return 0
	}
	return p.cmd.ProcessState.ExitCode()
}
