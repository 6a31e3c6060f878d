package rig

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"
)

// A Program is one run of any other program, which cannot outlive this one.
type Program struct {
	process *process
	log     string
}

// StartProgram runs a command line with its output appended to the file log, in an
// environment that holds nothing of whoever runs this but PATH and what is given.
func StartProgram(log string, environment []string, command ...string) (*Program, error) {
	environment = append([]string{"PATH=" + os.Getenv("PATH")}, environment...)
	p, err := spawn(log, environment, command[0], command[1:]...)
	if err != nil {
		return nil, err
	}
	return &Program{process: p, log: log}, nil
}

// PID returns the process ID. It stays the same when the program has ended.
func (p *Program) PID() int { return p.process.cmd.Process.Pid }

// Running says whether the program runs.
func (p *Program) Running() bool { return p.process.running() }

// Stop ends the program with INT, since consul-template takes no notice of TERM, or with KILL
// after so long.
func (p *Program) Stop(within time.Duration) error {
	err := p.process.signal(syscall.SIGINT)
	select {
	case <-p.process.gone:
	case <-time.After(within):
		err = errors.Join(err, fmt.Errorf("stop program: it did not end within %s", within), p.process.signal(syscall.SIGKILL))
		p.process.wait()
	}
	return err
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
