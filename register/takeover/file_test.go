package takeover

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func newFile(t *testing.T, text string) file {
	t.Helper()
	f := file{filepath.Join(t.TempDir(), "k8s-services.json")}
	write(t, f.path, text)
	return f
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// says checks what can be read, and from where.
func (f file) says(t *testing.T, want string, wantInPlace, wantRetired bool) {
	t.Helper()
	text, inPlace, retired, err := f.read()
	if err != nil || string(text) != want || inPlace != wantInPlace || retired != wantRetired {
		t.Errorf("got %q, in place %t, retired %t, %v", text, inPlace, retired, err)
	}
}

func TestRetireAndRestore(t *testing.T) {
	f := newFile(t, "old")
	f.says(t, "old", true, false)
	if err := f.retire([]byte("old")); err != nil {
		t.Fatal(err)
	}
	f.says(t, "old", false, true)
	if err := f.restore(); err != nil {
		t.Fatal(err)
	}
	f.says(t, "old", true, false)
}

// TestRetireWhatWasJudged and nothing that was written since.
func TestRetireWhatWasJudged(t *testing.T) {
	f := newFile(t, "newer")
	if err := f.retire([]byte("old")); !errors.Is(err, errChanged) {
		t.Errorf("error %v", err)
	}
	f.says(t, "newer", true, false)
}

// TestNewerFileStays: what consul-template has written again counts.
func TestNewerFileStays(t *testing.T) {
	f := newFile(t, "old")
	if err := f.retire([]byte("old")); err != nil {
		t.Fatal(err)
	}
	write(t, f.path, "newer")
	f.says(t, "newer", true, true)
	if err := f.restore(); err != nil {
		t.Fatal(err)
	}
	f.says(t, "newer", true, false)
}

func TestNoFile(t *testing.T) {
	f := file{filepath.Join(t.TempDir(), "none.json")}
	if _, _, _, err := f.read(); err == nil {
		t.Error("a file that is not there was read")
	}
	if err := f.restore(); err == nil {
		t.Error("a file that is not there was put back")
	}
	if err := f.retire(nil); err == nil {
		t.Error("a file that is not there was retired")
	}
}

// A way back that is killed leaves one file with both names. It can be moved aside all the same.
func TestRetireAfterAKilledRestore(t *testing.T) {
	f := newFile(t, "old")
	if err := os.Link(f.path, f.retired()); err != nil {
		t.Fatal(err)
	}
	f.says(t, "old", true, true)
	if err := f.retire([]byte("old")); err != nil {
		t.Fatal(err)
	}
	f.says(t, "old", false, true)
}
