// Package needs says what becomes of a test that needs more than Go has: it is skipped
// by name, or fails where nothing may be skipped.
package needs

import (
	"os"
	"os/exec"
	"testing"
)

// everything is the variable under which a skipped test is a failed one, whatever its
// value. CI sets it, having installed all that is needed.
const everything = "K8S_REGISTRAR_TEST_ALL"

// Program returns the path of a program, which is in a package of Debian. Without it the
// test ends.
func Program(t testing.TB, name, debianPackage string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		without(t, "%s is not here: it is in Debian's package %s", name, debianPackage)
	}
	return path
}

// Root ends a test that is not run by root.
func Root(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 {
		without(t, "only root can do this")
	}
}

// Namespaces ends a test where nobody may make namespaces, as in most containers.
func Namespaces(t testing.TB) {
	t.Helper()
	unshare := Program(t, "unshare", "util-linux")
	if err := exec.CommandContext(t.Context(), unshare, "--mount", "--pid", "--fork", "--uts", "--ipc", "--cgroup", "true").Run(); err != nil {
		without(t, "namespaces cannot be made here: %v", err)
	}
}

func without(t testing.TB, format string, args ...any) {
	t.Helper()
	if os.Getenv(everything) != "" {
		t.Fatalf(format, args...)
	}
	t.Skipf(format, args...)
}
