package rig

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/k8s-registrar/k8s-registrar/e2e/child"
)

// A Program is one run of any other program, which cannot outlive this one.
type Program struct {
	process *child.Process
	log     string
}

// StartProgram runs a command line with its output appended to the file log, in an
// environment that holds nothing of whoever runs this but PATH and what is given.
func StartProgram(log string, environment []string, command ...string) (*Program, error) {
	environment = append([]string{"PATH=" + os.Getenv("PATH")}, environment...)
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Env = environment
	p, err := child.Start(cmd, log)
	if err != nil {
		return nil, err
	}
	return &Program{process: p, log: log}, nil
}

// PID returns the process ID. It stays the same when the program has ended.
func (p *Program) PID() int { return p.process.PID() }

// Running says whether the program runs.
func (p *Program) Running() bool { return p.process.Running() }

// Stop ends the program with INT, since consul-template takes no notice of TERM, or with KILL
// after so long.
func (p *Program) Stop(within time.Duration) error {
	err := p.process.Signal(syscall.SIGINT)
	select {
	case <-p.process.Gone():
		return err
	case <-time.After(within):
		return errors.Join(err, fmt.Errorf("stop program: it did not end within %s", within), p.process.Kill())
	}
}

// Logs returns the last n lines of the log.
func (p *Program) Logs(n int) string {
	text, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	lines := strings.SplitAfter(strings.TrimSuffix(string(text), "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "")
}
