package config

import (
	"errors"
	"strings"
	"testing"
)

// TestReferenceTellsWhatNeedsARestart holds the list and the comments together.
func TestReferenceTellsWhatNeedsARestart(t *testing.T) {
	why := needRestart()
	config := Default()
	lines := strings.Split(Reference, "\n")
	for _, line := range parseFile("reference.hcl", []byte(Reference), config.Settings()) {
		comment := ""
		for i := line.number - 2; i >= 0 && strings.HasPrefix(strings.TrimSpace(lines[i]), "#"); i-- {
			comment = strings.TrimLeft(lines[i], " #") + " " + comment
		}
		_, fixed := why[line.name]
		if told := strings.Contains(strings.ToLower(comment), "needs a restart"); told != fixed {
			t.Errorf("%s: the comment says that it needs a restart: %v, want %v", line.name, told, fixed)
		}
		delete(why, line.name)
	}
	for name := range why {
		t.Errorf("there is no setting %s", name)
	}
}

func TestNeedRestart(t *testing.T) {
	fresh := Default()
	fresh.Log.Level = "debug"
	fresh.Check.Interval *= 2
	fresh.Consul.TokenFile = "/run/token"
	if got := NeedRestart(Default(), fresh); got != nil {
		t.Errorf("these may change: %v", got)
	}
	fresh.Instance, fresh.Telemetry.Listen = "blue", ":1"
	got := errors.Join(NeedRestart(Default(), fresh)...)
	want := `instance: it is "default" and cannot become "blue" without a restart: the services under the old name would be nobody's
telemetry.listen: it is ":28500" and cannot become ":1" without a restart: the port is bound at the start`
	if got == nil || got.Error() != want {
		t.Errorf("got  %v\nwant %s", got, want)
	}
}
