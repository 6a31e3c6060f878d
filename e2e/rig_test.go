package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/consul/api"

	"github.com/k8s-registrar/k8s-registrar/e2e/consulproc"
)

// rig is one test's part of a Consul cluster: a tree, a node that announces it, and
// the daemon on that node.
type rig struct {
	testing.TB
	*daemon // the latest run; nil before the first
	cluster *consulproc.Cluster
	node    *consulproc.Process
	local   *api.Client // of the node's agent, allowed everything
	server  *api.Client // of a server, allowed everything

	program   string // path of k8s-registrar; "" is the one that tests share
	instance  string
	keyPath   string
	dir       string   // of the daemon's files
	variables []string // of the daemon's environment, besides the usual
}

// onSharedNode returns a rig on the node that many tests use at once: each one has an
// instance and a tree of its own.
func onSharedNode(t testing.TB, name string) *rig {
	t.Helper()
	cluster := shared.open.get(t)
	return newRig(t, cluster, cluster.Clients()[0], name)
}

// onOwnNode returns a rig on a node that the test may break. It ends with the test.
func onOwnNode(t testing.TB, name string, node consulproc.Node) *rig {
	t.Helper()
	cluster := shared.open.get(t)
	node.Name = "node-" + name
	process, err := cluster.AddClient(t.Context(), node)
	must(t, err)
	t.Cleanup(func() { must(t, process.Stop()) })
	return newRig(t, cluster, process, name)
}

// onOwnCluster returns a rig on the first client of a cluster that ends with the test.
func onOwnCluster(t testing.TB, name string, options consulproc.Options) *rig {
	t.Helper()
	options.Clients = 1
	cluster, err := consulproc.Start(t.Context(), options)
	must(t, err)
	t.Cleanup(func() { must(t, cluster.Stop()) })
	return newRig(t, cluster, cluster.Clients()[0], name)
}

func newRig(t testing.TB, cluster *consulproc.Cluster, node *consulproc.Process, name string) *rig {
	t.Helper()
	r := &rig{TB: t, cluster: cluster, node: node, instance: name, keyPath: "e2e/" + name, dir: t.TempDir()}
	r.local, r.server = r.client(node), r.client(cluster.Servers()[0])
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("--- %s\n%s", node.Name(), node.Logs(40))
			for _, server := range cluster.Servers() {
				t.Logf("--- %s\n%s", server.Name(), server.Logs(20))
			}
		}
	})
	return r
}

// client returns a client that may do everything.
func (r *rig) client(process *consulproc.Process) *api.Client {
	r.Helper()
	client, err := process.Client(r.cluster.ManagementToken())
	must(r, err)
	return client
}

// start runs the daemon with the product's defaults, but for where it finds things and
// for the interval of checks, and waits until it shows itself.
func (r *rig) start(flags ...string) {
	r.Helper()
	r.daemon = launch(r.TB, r.binary(), r.env(), append([]string{"agent", "--config", r.config()}, flags...)...)
	eventually(r, func() error { _, err := r.telemetry(); return err })
}

// binary returns the path of the program.
func (r *rig) binary() string {
	r.Helper()
	if r.program == "" {
		program, err := shared.program()
		must(r, err)
		r.program = program
	}
	return r.program
}

// often makes the daemon compare each second, where a test waits for comparisons.
const often = "--reconcile-resync=1s"

// config writes the configuration file and returns its path.
func (r *rig) config() string {
	path := filepath.Join(r.dir, "k8s-registrar.hcl")
	text := fmt.Sprintf(`
key_path = %q
instance = %q
consul { address = %q }
check {
  interval = "1s"
  timeout  = "500ms"
}
telemetry { listen = "127.0.0.1:0" }
`, r.keyPath, r.instance, r.node.HTTPAddr())
	must(r, os.WriteFile(path, []byte(text), 0o600))
	return path
}

// noRaceSleep takes back the second that a program with the race detector waits when it
// ends.
const noRaceSleep = "GORACE=atexit_sleep_ms=0"

// env keeps the variables of whoever runs the tests from the program.
func (r *rig) env() []string {
	return append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + r.dir, "TMPDIR=" + r.dir, noRaceSleep}, r.variables...)
}

// once runs a command that ends by itself. A subcommand is a word of it.
func (r *rig) once(command string, flags ...string) (stdout, stderr string, code int) {
	r.Helper()
	var out, errs bytes.Buffer
	args := append(strings.Fields(command), "--config", r.config())
	cmd := exec.CommandContext(r.Context(), r.binary(), append(args, flags...)...)
	cmd.Env, cmd.Stdout, cmd.Stderr = r.env(), &out, &errs
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		r.Fatal(err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

// ready waits until the daemon is ready.
func (r *rig) ready() {
	r.Helper()
	eventually(r, r.isReady)
}

// notReady waits until the daemon is not ready for a reason with these words.
func (r *rig) notReady(why string) {
	r.Helper()
	eventually(r, func() error { return r.isNotReady(why) })
}

// settled waits for two comparisons more: the second one began after now. The daemon
// must have been started with often.
func (r *rig) settled() {
	r.Helper()
	const passes = `k8s_registrar_reconcile_total{result="success"}`
	before, err := r.metric(passes)
	must(r, err)
	eventually(r, func() error {
		now, err := r.metric(passes)
		if err == nil && now < before+2 {
			err = fmt.Errorf("%v comparisons, want %v", now, before+2)
		}
		return err
	})
}

// changes returns how many registrations and deregistrations this run of the daemon
// has sent.
func (r *rig) changes() float64 {
	r.Helper()
	changes, err := r.metric("k8s_registrar_changes_total")
	must(r, err)
	return changes
}

// announces waits until the local agent and the servers' catalog hold exactly these
// services of ours, each as "name:port".
func (r *rig) announces(want ...string) {
	r.Helper()
	eventually(r, func() error { return r.holds(want...) })
}

func (r *rig) holds(want ...string) error {
	return errors.Join(r.localHolds(want...), r.catalogHolds(want...))
}

func (r *rig) localHolds(want ...string) error {
	services, err := r.localServices()
	return errors.Join(err, differ("the local agent", want, services))
}

func (r *rig) catalogHolds(want ...string) error {
	services, err := r.catalogServices()
	return errors.Join(err, differ("the servers' catalog", want, services))
}

// differ compares services as "name:port" with what was found somewhere.
func differ(where string, want []string, found map[string]*api.AgentService) error {
	got := make([]string, 0, len(found))
	for _, s := range found {
		got = append(got, fmt.Sprintf("%s:%d", s.Service, s.Port))
	}
	slices.Sort(got)
	if want = slices.Sorted(slices.Values(want)); !slices.Equal(want, got) {
		return fmt.Errorf("%s (-want +got):\n%s", where, cmp.Diff(want, got))
	}
	return nil
}
