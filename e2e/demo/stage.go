package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/k8s-registrar/k8s-registrar/e2e/child"
	"github.com/k8s-registrar/k8s-registrar/e2e/consulproc"
)

// A stage is everything that has to be stopped, closed or removed.
type stage struct {
	dir       string
	cluster   *consulproc.Cluster
	agent     *child.Process
	nodePorts map[string]func() error // how to close a port, by the name of its service
}

// clear leaves nothing behind. Clearing again does nothing.
func (s *stage) clear() error {
	var errs []error
	if s.agent.Running() {
		errs = append(errs, stop(s.agent))
	}
	for name := range s.nodePorts {
		errs = append(errs, s.closePort(name))
	}
	if s.cluster != nil {
		errs = append(errs, s.cluster.Stop())
	}
	if s.dir != "" {
		errs = append(errs, os.RemoveAll(s.dir))
	}
	return errors.Join(errs...)
}

// logFile returns where the agent logs to.
func (s *stage) logFile() string { return filepath.Join(s.dir, "agent.log") }

// log returns the last n lines of the agent's log under a heading, or nothing.
func (s *stage) log(n int) string {
	text, err := os.ReadFile(s.logFile())
	if err != nil || len(text) == 0 {
		return ""
	}
	lines := strings.SplitAfter(strings.TrimSuffix(string(text), "\n"), "\n")
	return "The end of the agent's log:\n    " + strings.Join(lines[max(0, len(lines)-n):], "    ") + "\n"
}

// openPort opens the NodePort of a service.
func (s *stage) openPort(name, address string, port int) error {
	_, stop, err := consulproc.Listen(join(address, port))
	if err != nil {
		return err
	}
	if s.nodePorts == nil {
		s.nodePorts = map[string]func() error{}
	}
	s.nodePorts[name] = stop
	return nil
}

// closePort closes the NodePort of a service.
func (s *stage) closePort(name string) error {
	stop := s.nodePorts[name]
	delete(s.nodePorts, name)
	if err := stop(); err != nil {
		return fmt.Errorf("close port of %s: %w", name, err)
	}
	return nil
}

// freePort returns the first port from first to last that nobody listens on, or any free
// one if all are taken.
func freePort(address string, first, last int) (int, error) {
	for port := first; port <= last; port++ {
		listener, err := net.Listen("tcp", join(address, port))
		if errors.Is(err, syscall.EADDRINUSE) {
			continue
		}
		if err != nil {
			return 0, fmt.Errorf("find free port: %w", err)
		}
		return port, listener.Close()
	}
	listener, err := net.Listen("tcp", join(address, 0))
	if err != nil {
		return 0, fmt.Errorf("find free port: %w", err)
	}
	return listener.Addr().(*net.TCPAddr).Port, listener.Close()
}

// join returns "address:port".
func join(address string, port int) string {
	return net.JoinHostPort(address, strconv.Itoa(port))
}
