package rig

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/k8s-registrar/k8s-registrar/agent"
	"github.com/k8s-registrar/k8s-registrar/e2e/child"
)

// statusTimeout bounds a look at the daemon's own listener, which must answer at once
// whatever Consul does.
const statusTimeout = 5 * time.Second

// RegistrarOptions say how to run a daemon. Binary and Consul are needed.
type RegistrarOptions struct {
	Binary   string // path of k8s-registrar
	Consul   string // host:port of the local Consul agent, or of a proxy before it
	KeyPath  string // "" is the default of k8s-registrar
	Instance string // "" is the default of k8s-registrar
	Token    string // written to a file that can be changed, see SetToken; "" is none
	LogLevel string // "" is the default of k8s-registrar
	// Flags are added to the command line, as in "--check-interval=1s"; Env to an
	// environment that holds nothing of whoever runs this.
	Flags, Env []string
}

// A Registrar is a daemon that can run many times, always with the same command line,
// address and log. Its methods may be called from several goroutines.
type Registrar struct {
	options   RegistrarOptions
	dir       string
	telemetry string // host:port

	mu      sync.Mutex
	process *child.Process // the latest run; nil before the first
}

// NewRegistrar prepares a daemon that does not run yet. [Registrar.Close] removes its files.
func NewRegistrar(options RegistrarOptions) (*Registrar, error) {
	binary, err := filepath.Abs(options.Binary)
	if err != nil {
		return nil, fmt.Errorf("prepare registrar: %w", err)
	}
	options.Binary = binary
	telemetry, err := freeAddress()
	if err != nil {
		return nil, fmt.Errorf("prepare registrar: %w", err)
	}
	dir, err := os.MkdirTemp("", "rig-registrar-")
	if err != nil {
		return nil, fmt.Errorf("prepare registrar: %w", err)
	}
	r := &Registrar{options: options, dir: dir, telemetry: telemetry}
	if options.Token != "" {
		if err := r.SetToken(options.Token); err != nil {
			return nil, errors.Join(err, os.RemoveAll(dir))
		}
	}
	return r, nil
}

// StartRegistrar runs a daemon and returns when it answers at /status.
func StartRegistrar(ctx context.Context, options RegistrarOptions) (*Registrar, error) {
	r, err := NewRegistrar(options)
	if err != nil {
		return nil, err
	}
	if err := r.Start(ctx); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

// Launch runs the daemon and returns at once.
func (r *Registrar) Launch() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.process.Running() {
		return errors.New("start registrar: it runs already")
	}
	cmd := exec.Command(r.options.Binary, append([]string{"agent"}, r.Args()...)...)
	cmd.Env = r.Environment()
	p, err := child.Start(cmd, r.LogFile())
	if err != nil {
		return fmt.Errorf("start registrar: %w", err)
	}
	r.process = p
	return nil
}

// Start runs the daemon and returns when it answers at /status.
func (r *Registrar) Start(ctx context.Context) error {
	if err := r.Launch(); err != nil {
		return err
	}
	p := r.current()
	err := Eventually(ctx, 20*time.Second, func() error {
		if !p.Running() {
			return fmt.Errorf("it ended with exit code %d", p.ExitCode())
		}
		_, err := r.Status(ctx)
		return err
	})
	if err != nil {
		return fmt.Errorf("start registrar: %w\n%s", err, r.Logs(20))
	}
	return nil
}

// Args returns the configuration as flags, the same for every command.
func (r *Registrar) Args() []string {
	args := []string{"--consul-address=" + r.options.Consul, "--telemetry-listen=" + r.telemetry}
	for flag, value := range map[string]string{
		"key-path": r.options.KeyPath, "instance": r.options.Instance, "log-level": r.options.LogLevel,
	} {
		if value != "" {
			args = append(args, "--"+flag+"="+value)
		}
	}
	if r.options.Token != "" {
		args = append(args, "--consul-token-file="+r.tokenFile())
	}
	return append(args, r.options.Flags...)
}

// Environment returns the daemon's environment.
func (r *Registrar) Environment() []string {
	own := []string{"PATH=" + os.Getenv("PATH"), "HOME=" + r.dir, "TMPDIR=" + r.dir, "K8S_REGISTRAR_CONFIG="}
	return append(own, r.options.Env...)
}

// SetToken replaces the content of the token file at one instant. The daemon looks at
// it every few seconds, and at [Registrar.Hup].
func (r *Registrar) SetToken(secret string) error {
	fresh := r.tokenFile() + ".new"
	if err := os.WriteFile(fresh, []byte(secret+"\n"), 0o600); err != nil {
		return fmt.Errorf("write token file: %w", err)
	}
	if err := os.Rename(fresh, r.tokenFile()); err != nil {
		return fmt.Errorf("write token file: %w", err)
	}
	return nil
}

// Kill ends the daemon as the kernel does when memory runs out.
func (r *Registrar) Kill() error {
	if err := r.current().Kill(); err != nil {
		return fmt.Errorf("kill registrar: %w", err)
	}
	return nil
}

// Term asks the daemon to end as a supervisor does, and says how long that took and how
// it ended. When ctx is done first it is killed.
func (r *Registrar) Term(ctx context.Context) (took time.Duration, exitCode int, err error) {
	p, begun := r.current(), time.Now()
	if err := p.Signal(syscall.SIGTERM); err != nil {
		return 0, 0, fmt.Errorf("terminate registrar: %w", err)
	}
	if err := p.Wait(ctx); err != nil {
		return time.Since(begun), 0, errors.Join(fmt.Errorf("terminate registrar: %w", err), r.Kill())
	}
	return time.Since(begun), p.ExitCode(), nil
}

// Hup asks the daemon to look at its token file now.
func (r *Registrar) Hup() error { return r.current().Signal(syscall.SIGHUP) }

// Wait returns the exit code when the daemon has ended by itself.
func (r *Registrar) Wait(ctx context.Context) (exitCode int, err error) {
	p := r.current()
	if err := p.Wait(ctx); err != nil {
		return 0, fmt.Errorf("wait for registrar to end: %w", err)
	}
	return p.ExitCode(), nil
}

// Running says whether the daemon runs.
func (r *Registrar) Running() bool { return r.current().Running() }

// Close kills the daemon and removes its files.
func (r *Registrar) Close() error { return errors.Join(r.Kill(), os.RemoveAll(r.dir)) }

// Telemetry returns host:port of the daemon's own listener.
func (r *Registrar) Telemetry() string { return r.telemetry }

// Get asks the daemon's listener for a path such as "/metrics".
func (r *Registrar) Get(ctx context.Context, path string) (code int, body []byte, err error) {
	ctx, cancel := context.WithTimeout(ctx, statusTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+r.telemetry+path, nil)
	if err != nil {
		return 0, nil, fmt.Errorf("get %s: %w", path, err)
	}
	request.Close = true // a connection that is kept would be under way when the daemon stops
	response, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(request)
	if err != nil {
		return 0, nil, err // it says "Get" and the URL
	}
	defer response.Body.Close()
	body, err = io.ReadAll(response.Body)
	return response.StatusCode, body, err
}

// Status reads /status.
func (r *Registrar) Status(ctx context.Context) (agent.Status, error) {
	var status agent.Status
	_, body, err := r.Get(ctx, "/status")
	if err == nil {
		err = json.Unmarshal(body, &status)
	}
	if err != nil {
		return status, fmt.Errorf("read status: %w", err)
	}
	return status, nil
}

// Ready returns no error if the daemon says that it is ready.
func (r *Registrar) Ready(ctx context.Context) error {
	code, body, err := r.Get(ctx, "/-/ready")
	if err == nil && code != http.StatusOK {
		err = fmt.Errorf("not ready: %s", strings.TrimSpace(string(body)))
	}
	return err
}

// LogFile returns the file that all runs write to.
func (r *Registrar) LogFile() string { return filepath.Join(r.dir, "log") }

// Output returns everything that all runs have written.
func (r *Registrar) Output() string {
	text, err := os.ReadFile(r.LogFile())
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// Logs returns the last n lines that the daemon has written, over all its runs.
func (r *Registrar) Logs(n int) string {
	lines := strings.SplitAfter(strings.TrimSuffix(r.Output(), "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "") + "\n"
}

func (r *Registrar) tokenFile() string { return filepath.Join(r.dir, "token") }

func (r *Registrar) current() *child.Process {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.process
}
