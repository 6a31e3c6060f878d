package consulproc

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Kill ends the process with SIGKILL and returns when it is gone.
func (p *Process) Kill() error {
	c := p.current()
	if !c.Running() {
		return nil
	}
	if err := c.Kill(); err != nil {
		return fmt.Errorf("kill %s: %w", p.name, err)
	}
	p.transport.CloseIdleConnections()
	return nil
}

// Terminate asks the process to end with SIGTERM, wakes it if it is paused, and returns
// when it is gone or ctx is done. As Consul has it by default, a client agent leaves the
// cluster, which takes about four seconds, and a server does not; leave_on_terminate in
// the configuration changes that.
func (p *Process) Terminate(ctx context.Context) error {
	c := p.current()
	if !c.Running() {
		return nil
	}
	if err := errors.Join(c.Signal(syscall.SIGTERM), c.Signal(syscall.SIGCONT)); err != nil {
		return fmt.Errorf("terminate %s: %w", p.name, err)
	}
	if err := c.Wait(ctx); err != nil {
		return fmt.Errorf("terminate %s: %w", p.name, err)
	}
	p.transport.CloseIdleConnections()
	return nil
}

// Pause freezes the process with SIGSTOP and returns when all its threads stand still:
// its ports stay open and nothing answers.
func (p *Process) Pause() error {
	c := p.current()
	if !c.Running() {
		return fmt.Errorf("pause %s: it does not run", p.name)
	}
	if err := c.Signal(syscall.SIGSTOP); err != nil {
		return fmt.Errorf("pause %s: %w", p.name, err)
	}
	for !frozen(c.PID()) {
		select {
		case <-c.Gone():
			return fmt.Errorf("pause %s: it ended", p.name)
		case <-time.After(time.Millisecond):
		}
	}
	return nil
}

// Continue lets a paused process run on.
func (p *Process) Continue() error {
	c := p.current()
	if !c.Running() {
		return fmt.Errorf("continue %s: it does not run", p.name)
	}
	if err := c.Signal(syscall.SIGCONT); err != nil {
		return fmt.Errorf("continue %s: %w", p.name, err)
	}
	return nil
}

// frozen says whether every thread of the process is stopped. The signal only asks for
// it: a thread on another core may still answer a request that comes right afterwards.
func frozen(pid int) bool {
	threads, _ := filepath.Glob(filepath.Join("/proc", strconv.Itoa(pid), "task", "*", "stat"))
	for _, thread := range threads {
		stat, err := os.ReadFile(thread)
		if err != nil {
			return false
		}
		// "pid (name) state ..."; the name may hold anything, brackets too
		_, rest, _ := strings.Cut(string(stat[strings.LastIndexByte(string(stat), ')')+1:]), " ")
		if !strings.HasPrefix(rest, "T") {
			return false
		}
	}
	return len(threads) > 0
}
