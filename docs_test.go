package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The architecture points from each invariant to its tests, and the list of complaints from
// each of them: they have to be there.
func TestDocumentsNameRealTests(t *testing.T) {
	code := testCode(t)
	for _, document := range []struct {
		path        string
		rows, tests int // at least
	}{
		{"docs/architecture.md", 13, 2},
		{"docs/pains.md", 42, 1},
	} {
		text, err := os.ReadFile(document.path)
		if err != nil {
			t.Fatal(err)
		}
		rows := regexp.MustCompile(`(?m)^\| (\d+) \| .*$`).FindAllStringSubmatch(string(text), -1)
		if len(rows) != document.rows {
			t.Errorf("%s has %d rows, want %d", document.path, len(rows), document.rows)
		}
		names := regexp.MustCompile("`(Test[A-Za-z0-9]+)`")
		for _, row := range rows {
			if n := len(names.FindAllString(row[0], -1)); n < document.tests {
				t.Errorf("%s: row %s names %d tests, want at least %d", document.path, row[1], n, document.tests)
			}
		}
		for _, name := range names.FindAllStringSubmatch(string(text), -1) {
			if !strings.Contains(code, "func "+name[1]+"(") {
				t.Errorf("%s: there is no %s", document.path, name[1])
			}
		}
	}
}

// testCode is all the code of tests.
func testCode(t *testing.T) string {
	t.Helper()
	var code strings.Builder
	err := filepath.WalkDir(".", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		source, err := os.ReadFile(path)
		code.Write(source)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return code.String()
}
