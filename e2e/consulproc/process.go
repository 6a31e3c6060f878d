package consulproc

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"

	"github.com/k8s-registrar/k8s-registrar/e2e/child"
)

// A Process is one Consul agent, server or client, with its address and its data. It can
// run many times. Its methods may be called from several goroutines.
type Process struct {
	name, binary string
	address      string
	claim        io.Closer // holds address
	dir          string
	management   string // "" without ACLs
	configDir    string // "" is one of its own
	transport    *http.Transport

	mu      sync.Mutex // guards the following
	config  map[string]any
	child   *child.Process // the latest run; nil before the first
	stopped bool
}

var errStopped = errors.New("its files are removed")

// newProcess makes a process that does not run yet. Its config lacks only what depends on
// its address and its directory.
func newProcess(binary, name, management string, config map[string]any) (*Process, error) {
	address, claim, err := claimAddress()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "consulproc-"+name+"-")
	if err != nil {
		return nil, errors.Join(fmt.Errorf("make directory: %w", err), claim.Close())
	}
	p := &Process{
		name: name, binary: binary, address: address, claim: claim, dir: dir, management: management,
		transport: newTransport(),
	}
	p.config = merge(map[string]any{
		"node_name": name,
		"data_dir":  p.dataDir(),
		"bind_addr": address, "advertise_addr": address, "client_addr": address,
	}, config)
	return p, nil
}

// Name returns the name of the process's node.
func (p *Process) Name() string { return p.name }

// Address returns the loopback address that only this process uses.
func (p *Process) Address() string { return p.address }

// HTTPAddr returns host:port of the HTTP API.
func (p *Process) HTTPAddr() string { return join(p.address, httpPort) }

// HTTPSAddr returns host:port of the HTTP API over TLS, which is there for an agent that
// was configured with [TLS].
func (p *Process) HTTPSAddr() string { return join(p.address, httpsPort) }

// PID returns the process ID, or 0 when the process does not run.
func (p *Process) PID() int {
	if c := p.current(); c.Running() {
		return c.PID()
	}
	return 0
}

// Launch runs the process and returns at once; see [Process.WaitReady].
func (p *Process) Launch() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stopped {
		return fmt.Errorf("start %s: %w", p.name, errStopped)
	}
	if p.child.Running() {
		return fmt.Errorf("start %s: it runs already", p.name)
	}
	if err := p.launchLocked(); err != nil {
		return fmt.Errorf("start %s: %w", p.name, err)
	}
	return nil
}

// launchLocked writes what the process needs and runs it.
func (p *Process) launchLocked() error {
	for _, dir := range []string{p.dataDir(), p.ConfigDir()} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
	}
	file := filepath.Join(p.dir, "consul.json")
	if err := writeConfig(file, p.config); err != nil {
		return err
	}
	cmd := exec.Command(p.binary, "agent", "-config-file="+file, "-config-dir="+p.ConfigDir())
	// Nothing of whoever runs the tests, CONSUL_* above all.
	cmd.Dir, cmd.Env = p.dir, []string{"PATH=" + os.Getenv("PATH"), "HOME=" + p.dir, "TMPDIR=" + p.dir}
	run, err := child.Start(cmd, p.logFile())
	if err != nil {
		return err
	}
	p.child = run
	return nil
}

// Restart kills the process if it runs, runs it again with the same ports and data, and
// waits until it is ready.
func (p *Process) Restart(ctx context.Context) error {
	if err := p.Kill(); err != nil {
		return err
	}
	if err := p.Launch(); err != nil {
		return err
	}
	return p.WaitReady(ctx)
}

// Configure merges config into the configuration; it holds from the next start on.
func (p *Process) Configure(config map[string]any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.config = merge(p.config, config)
}

// Wipe removes the data of a process that does not run. The node keeps its ID unless
// [Node].RandomID was asked for.
func (p *Process) Wipe() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.child.Running() {
		return fmt.Errorf("wipe %s: it runs", p.name)
	}
	if err := os.RemoveAll(p.dataDir()); err != nil {
		return fmt.Errorf("wipe %s: %w", p.name, err)
	}
	return nil
}

// Stop ends the process for good and removes its files. Stopping again does nothing.
func (p *Process) Stop() error {
	p.mu.Lock()
	if p.stopped {
		p.mu.Unlock()
		return nil
	}
	p.stopped = true // from here on nobody starts it
	p.mu.Unlock()

	err := errors.Join(p.Kill(), os.RemoveAll(p.dir), p.claim.Close())
	if err != nil {
		return fmt.Errorf("stop %s: %w", p.name, err)
	}
	return nil
}

// ConfigDir returns a directory of further configuration files, which Consul reads when it
// starts and when it gets a HUP. It is empty unless somebody writes there.
func (p *Process) ConfigDir() string { return cmp.Or(p.configDir, filepath.Join(p.dir, "conf.d")) }

// dataDir returns where Consul keeps what must outlive a restart.
func (p *Process) dataDir() string { return filepath.Join(p.dir, "data") }

// current returns the latest run.
func (p *Process) current() *child.Process {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.child
}
