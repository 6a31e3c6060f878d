package takeover

import (
	"os"
	"path/filepath"
	"testing"
)

// A way back that is killed leaves one file with both names. It can be moved aside all the same.
func TestRetireAfterAKilledRestore(t *testing.T) {
	f := file{filepath.Join(t.TempDir(), "services.json")}
	text := []byte(`{"services":[]}`)
	if err := os.WriteFile(f.retired(), text, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Link(f.retired(), f.path); err != nil {
		t.Fatal(err)
	}
	if err := f.retire(text); err != nil {
		t.Fatal(err)
	}
	got, inPlace, retired, err := f.read()
	if err != nil || inPlace || !retired || string(got) != string(text) {
		t.Errorf("in place: %v, retired: %v, %q, error %v; want it aside", inPlace, retired, got, err)
	}
}
