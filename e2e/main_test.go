package e2e

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/k8s-registrar/k8s-registrar/e2e/consulproc"
)

// shared is what tests have in common; each part is made when it is first asked for.
var shared struct {
	// program is the path of k8s-registrar, built with the race detector.
	program func() (string, error)
	// open has no ACLs, denying has them on and denies by default. No test breaks
	// their servers or their first client agent.
	open, denying *lazyCluster
}

func TestMain(m *testing.M) {
	flag.Parse()
	waitTogether()
	os.Exit(run(m))
}

// waitTogether lets more tests run at once than there are processors, unless the command
// line says how many: they wait for Consul far more than they compute.
func waitTogether() {
	const parallel = "test.parallel"
	said := false
	flag.Visit(func(f *flag.Flag) { said = said || f.Name == parallel })
	if !said {
		_ = flag.Set(parallel, "6") // it is a number
	}
}

// run runs the tests and leaves nothing behind.
func run(m *testing.M) (code int) {
	if _, err := consulproc.Binary(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	dir, err := os.MkdirTemp("", "e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	shared.program = sync.OnceValues(func() (string, error) {
		return build(filepath.Join(dir, "k8s-registrar"), "-race")
	})
	shared.open = newLazyCluster(consulproc.Options{Clients: 1})
	shared.denying = newLazyCluster(denyByDefault())
	defer func() {
		if err := errors.Join(shared.open.stop(), shared.denying.stop(), os.RemoveAll(dir)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = max(code, 1)
		}
	}()
	return m.Run()
}

// build builds the program from this repository's root.
func build(path string, flags ...string) (string, error) {
	args := append([]string{"build", "-o", path}, flags...)
	cmd := exec.Command("go", append(args, "github.com/k8s-registrar/k8s-registrar")...)
	if output, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%s: %w\n%s", cmd, err, output)
	}
	return path, nil
}

// lazyCluster is a cluster that starts when the first test asks for it.
type lazyCluster struct {
	start   func() (*consulproc.Cluster, error)
	mu      sync.Mutex
	cluster *consulproc.Cluster // nil until it runs
}

func newLazyCluster(options consulproc.Options) *lazyCluster {
	l := &lazyCluster{}
	l.start = sync.OnceValues(func() (*consulproc.Cluster, error) {
		return consulproc.Start(context.Background(), options)
	})
	return l
}

func (l *lazyCluster) get(t testing.TB) *consulproc.Cluster {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	cluster, err := l.start()
	if err != nil {
		t.Fatal(err)
	}
	l.cluster = cluster
	return cluster
}

func (l *lazyCluster) stop() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.cluster == nil {
		return nil
	}
	return l.cluster.Stop()
}
