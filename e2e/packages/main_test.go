package packages

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/k8s-registrar/k8s-registrar/e2e/rig"
)

// packaging is where the files are that this package tests.
const packaging = "../../packaging/"

// version is that of the packages that are built for the tests.
const version = "0.0.1"

// shared is what several tests need; each part is made when it is first asked for.
var shared struct {
	binary   func() (string, error) // path of k8s-registrar
	packages func() (string, error) // directory with deb and rpm, for both architectures
	machine  func() (string, error) // directory with a Debian to copy
}

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

// run runs the tests and leaves nothing behind.
func run(m *testing.M) (code int) {
	dir, err := os.MkdirTemp("", "packages-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() {
		if err := os.RemoveAll(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = max(code, 1)
		}
	}()
	shared.binary = sync.OnceValues(func() (string, error) {
		path := filepath.Join(dir, "k8s-registrar")
		return path, command("go", "build", "-o", path, "../..")
	})
	shared.packages = sync.OnceValues(func() (string, error) {
		path := filepath.Join(dir, "dist")
		return path, command(packaging+"nfpm/build.sh", path, version, "amd64", "arm64")
	})
	shared.machine = sync.OnceValues(func() (string, error) {
		path := filepath.Join(dir, "debian")
		return path, command("debootstrap", "--variant=minbase", "--include=supervisor,systemd", suite, path)
	})
	return m.Run()
}

func command(name string, args ...string) error {
	if output, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, output)
	}
	return nil
}

// binary returns the path of the real program.
func binary(t testing.TB) string {
	t.Helper()
	path, err := shared.binary()
	must(t, err)
	return path
}

// deb returns the path of the package for an architecture as Go names it.
func deb(t testing.TB, arch string) string {
	t.Helper()
	dir, err := shared.packages()
	must(t, err)
	return filepath.Join(dir, "k8s-registrar_"+version+"_"+arch+".deb")
}

// host is this machine's architecture.
const host = runtime.GOARCH

// output runs a program that has to succeed.
func output(t testing.TB, name string, args ...string) string {
	t.Helper()
	printed, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, printed)
	}
	return string(printed)
}

// eventually waits for something that has to become so, far longer than it takes.
func eventually(t testing.TB, condition func() error) {
	t.Helper()
	must(t, rig.Eventually(t.Context(), 2*time.Minute, condition))
}

// must ends the test if there is an error.
func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// closing ends the test's part of something when the test ends.
func closing(t testing.TB, stop func() error) {
	t.Helper()
	t.Cleanup(func() {
		if err := stop(); err != nil && !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
}

// fetch returns what is at an address.
func fetch(ctx context.Context, url string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s: %s", url, response.Status, body)
	}
	return string(body), err
}

// text returns what is in a file.
func text(t testing.TB, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	must(t, err)
	return string(content)
}

func write(t testing.TB, path, content string) {
	t.Helper()
	must(t, os.MkdirAll(filepath.Dir(path), 0o755))
	must(t, os.WriteFile(path, []byte(content), 0o644))
}
