package main

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// TestEveryDrillHasAProtection: each drill is in the table of mutations, or it is said
// why no protection of ours decides it; and the code still has what they switch off.
func TestEveryDrillHasAProtection(t *testing.T) {
	names := []string{secrets}
	for _, d := range drills() {
		names = append(names, d.name)
	}
	decided := undecided()
	for _, m := range mutations() {
		for _, name := range slices.Concat(m.rows, m.with) {
			if !slices.Contains(names, name) {
				t.Errorf("%s: there is no drill %q", m.what, name)
			}
		}
		for _, name := range m.rows {
			decided[name] = m.what
		}
		root := t.TempDir()
		for _, e := range m.edits {
			if err := copyFile(filepath.Join("../..", e.file), filepath.Join(root, e.file)); err != nil {
				t.Fatal(err)
			}
		}
		if err := m.apply(root); err != nil {
			t.Error(err)
		}
		for _, e := range m.edits {
			text, err := os.ReadFile(filepath.Join(root, e.file))
			if err != nil || len(text) == 0 {
				t.Errorf("%s: %s is empty: %v", m.what, e.file, err)
			}
		}
	}
	for _, name := range names {
		if decided[name] == "" {
			t.Errorf("no protection is named for %q", name)
		}
	}
}
