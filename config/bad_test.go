package config

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
)

// TestBad loads what is in testdata/bad: each archive has a comment that says
// what is wrong, a config.hcl, perhaps env and flags (a NAME=VALUE a line),
// and the messages that are wanted, word for word.
func TestBad(t *testing.T) {
	archives, err := filepath.Glob("testdata/bad/*.txtar")
	if err != nil || len(archives) == 0 {
		t.Fatalf("no archives: %v", err)
	}
	for _, path := range archives {
		archive, err := txtar.ParseFile(path)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			t.Chdir(t.TempDir())
			sources, want := unpack(t, archive)
			config, err := Load(sources)
			mistakes, ok := errors.AsType[*Error](err)
			if !ok {
				t.Fatalf("Load: %+v, %v; want an *Error", config, err)
			}
			if diff := cmp.Diff(want, mistakes.Error()+"\n"); diff != "" {
				t.Errorf("messages (-want +got):\n%s", diff)
			}
			if !config.Equal(Config{}) {
				t.Errorf("Load returned a configuration beside the error: %+v", config)
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("a message has the secret in it: %v", err)
			}
		})
	}
}

func unpack(t *testing.T, archive *txtar.Archive) (sources Sources, want string) {
	t.Helper()
	for _, file := range archive.Files {
		switch file.Name {
		case "config.hcl":
			if err := os.WriteFile(file.Name, file.Data, 0o600); err != nil {
				t.Fatal(err)
			}
			sources.File = file.Name
		case "env":
			sources.Env = lookup(pairs(file.Data))
		case "flags":
			sources.Flags = pairs(file.Data)
		case "want":
			want = string(file.Data)
		default:
			t.Fatalf("unknown section %q", file.Name)
		}
	}
	return sources, want
}

func pairs(data []byte) map[string]string {
	list := make(map[string]string)
	for line := range strings.Lines(string(data)) {
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
		list[name] = value
	}
	return list
}

// lookup is an os.LookupEnv for an environment of one's own.
func lookup(environment map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		value, ok := environment[name]
		return value, ok
	}
}
