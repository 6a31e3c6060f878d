package config

import (
	"strings"
	"testing"
)

func TestReferenceIsTheDefault(t *testing.T) {
	got, err := Load(Sources{File: write(t, Reference)})
	if err != nil {
		t.Fatal(err)
	}
	equal(t, got, Default())
}

// TestReferenceIsComplete wants every setting, in the order of the table, with
// its default spelled as a help text spells it.
func TestReferenceIsComplete(t *testing.T) {
	config := Default()
	settings := config.Settings()
	lines := parseFile("reference.hcl", []byte(Reference), settings)
	if len(lines) != len(settings) {
		t.Fatalf("%d settings in the reference, %d in the table", len(lines), len(settings))
	}
	for i, s := range settings {
		if line := lines[i]; line.name != s.Name || line.text != s.String() {
			t.Errorf("reference.hcl:%d: %s is %q; in the table here %s is %q", line.number, line.name, line.text, s.Name, s.String())
		}
	}
}

// TestReferenceIsExplained wants a comment above every setting, or above the
// group of lines it stands in.
func TestReferenceIsExplained(t *testing.T) {
	for block := range strings.SplitSeq(Reference, "\n\n") {
		for line := range strings.Lines(block) {
			if line = strings.TrimSpace(line); strings.Contains(line, " = ") && !strings.HasPrefix(line, "#") {
				if !strings.Contains(strings.SplitN(block, line, 2)[0], "# ") {
					t.Errorf("no comment above %s", line)
				}
			}
		}
	}
	for i, line := range strings.Split(Reference, "\n") {
		if len(line) > 80 {
			t.Errorf("reference.hcl:%d is longer than 80 characters", i+1)
		}
	}
}
