package packages

import (
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/k8s-registrar/k8s-registrar/e2e/needs"
)

// exposure is how much of the system the daemon may reach at most, by systemd's reckoning
// from 0 to 10.
const exposure = 1.5

// unit writes the unit, with the program that was built, and returns its path.
func unit(t *testing.T) string {
	t.Helper()
	path := t.TempDir() + "/k8s-registrar.service"
	write(t, path, strings.Replace(text(t, packaging+"systemd/k8s-registrar.service"), "=/usr/bin/k8s-registrar ", "="+binary(t)+" ", 1))
	return path
}

func TestUnitIsHardened(t *testing.T) {
	t.Parallel()
	analyze := needs.Program(t, "systemd-analyze", "systemd")
	said := output(t, analyze, "security", "--offline=true", unit(t))
	level := regexp.MustCompile(`Overall exposure level for k8s-registrar.service: ([0-9.]+)`).FindStringSubmatch(said)
	if level == nil {
		t.Fatalf("no level in\n%s", said)
	}
	if got, err := strconv.ParseFloat(level[1], 64); err != nil || got > exposure {
		t.Errorf("exposure %s, want at most %v:\n%s", level[1], exposure, said)
	}
}

// The unit has no mistakes, with the token handed over by systemd neither.
func TestUnitIsValid(t *testing.T) {
	t.Parallel()
	analyze := needs.Program(t, "systemd-analyze", "systemd")
	path := unit(t)
	if said := output(t, analyze, "verify", "--man=no", path); said != "" {
		t.Errorf("verify says %s", said)
	}
	write(t, path+".d/token.conf", text(t, packaging+"systemd/token.conf"))
	if said := output(t, analyze, "verify", "--man=no", path); said != "" {
		t.Errorf("verify with token.conf says %s", said)
	}
}
