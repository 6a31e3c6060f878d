package main

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"

	"github.com/k8s-registrar/k8s-registrar/e2e/child"
)

// killAfter is when a process that was asked to end is made to: more than the 5 s that
// the agent promises to need at most.
const killAfter = 10 * time.Second

// stop asks a process to end with TERM and returns when it has, however it did.
func stop(p *child.Process) error {
	if err := p.Signal(syscall.SIGTERM); err != nil {
		return fmt.Errorf("terminate agent: %w", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), killAfter)
	defer cancel()
	if err := p.Wait(ctx); err != nil {
		return errors.Join(fmt.Errorf("terminate agent: it did not end within %s", killAfter), p.Kill())
	}
	return nil
}
