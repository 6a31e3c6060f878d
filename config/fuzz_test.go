package config

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
)

// FuzzFile: no bytes crash the parser, and each is either a setting of the
// table or a mistake with its line in one line.
func FuzzFile(f *testing.F) {
	f.Add([]byte(Reference))
	archives, err := filepath.Glob("testdata/bad/*.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for _, path := range archives {
		archive, err := txtar.ParseFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(archive.Files[0].Data)
	}
	f.Fuzz(func(t *testing.T, source []byte) {
		config := Default()
		settings := config.Settings()
		for _, line := range parseFile("config.hcl", source, settings) {
			if line.number < 1 {
				t.Errorf("no line: %+v", line)
			}
			if _, ok := find(settings, line.name); ok == (line.mistake != "") {
				t.Errorf("neither a setting nor a mistake: %+v", line)
			}
			if strings.Contains(line.mistake, "\n") {
				t.Errorf("a mistake of several lines: %q", line.mistake)
			}
		}
	})
}

// FuzzSetting: no text crashes a parser, and what a setting prints it also
// reads, as the same value.
func FuzzSetting(f *testing.F) {
	config := Default()
	for _, s := range config.Settings() {
		f.Add(s.String())
	}
	for _, text := range []string{"1s", "-1", "1e9", "https://[::1]:8501", "unix:///run/consul.sock", "a@b", "::1%eth0", "[::1]:1"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, s := range new(Config).Settings() {
			if err := s.Set(text); err != nil {
				if strings.Contains(err.Error(), "\n") {
					t.Errorf("%s: a mistake of several lines: %q", s.Name, err)
				}
				continue
			}
			printed := s.String()
			if err := s.Set(printed); err != nil || s.String() != printed {
				t.Errorf("%s: %q is printed as %q, and that read as %q, %v", s.Name, text, printed, s.String(), err)
			}
		}
	})
}
