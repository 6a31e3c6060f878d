package main

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/k8s-registrar/k8s-registrar/config"
	"github.com/k8s-registrar/k8s-registrar/kvschema"
)

// TestAnnotationsAreDocumented holds the tables of the document equal to those that the
// program reads by; -update writes them anew.
func TestAnnotationsAreDocumented(t *testing.T) {
	const page = "docs/annotations.md"
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	want := string(text)
	for mark, table := range map[string]string{"annotations": annotationTable(), "settings": settingTable()} {
		begin := "<!-- " + mark + " -->\n"
		before, rest, found := strings.Cut(want, begin)
		_, after, ended := strings.Cut(rest, "<!-- end -->")
		if !found || !ended {
			t.Fatalf("%s has no table of %s", page, mark)
		}
		want = before + begin + table + "<!-- end -->" + after
	}
	if *update {
		if err := os.WriteFile(page, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want, string(text)); diff != "" {
		t.Errorf("%s is not what the program reads (-want +got), -update writes it:\n%s", page, diff)
	}
}

func annotationTable() string {
	var b strings.Builder
	b.WriteString("| `k8s-registrar/...` | value | meaning |\n|---|---|---|\n")
	for _, a := range kvschema.Annotations() {
		name := a.Name
		if strings.HasSuffix(name, ".") {
			name += "<key>"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", name, a.Value, a.Meaning)
	}
	return b.String()
}

// settingTable has the settings that decide what a Service is announced as, and where.
func settingTable() string {
	var b strings.Builder
	b.WriteString("| setting | default | what it does |\n|---|---|---|\n")
	defaults := config.Default()
	for _, s := range defaults.Settings() {
		if block, _, _ := strings.Cut(s.Name, "."); block != "services" && block != "node" && block != "check" {
			continue
		}
		value := "empty"
		if text := s.String(); text != "" {
			value = "`" + text + "`"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", s.Name, value, strings.ReplaceAll(s.Usage, "`", ""))
	}
	return b.String()
}
