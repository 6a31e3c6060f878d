package traefik_test

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/k8s-registrar/k8s-registrar/kvschema/traefik"
)

var update = flag.Bool("update", false, "write the tables of docs/traefik.md anew")

const page = "../../docs/traefik.md"

// TestDocumentedAnnotations holds the tables of docs/traefik.md equal to the code.
func TestDocumentedAnnotations(t *testing.T) {
	data, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	want := string(data)
	for name, table := range map[string]string{"annotations": annotationTable(), "findings": findingTable()} {
		begin, end := fmt.Sprintf("<!-- %s -->\n", name), fmt.Sprintf("<!-- end of %s -->", name)
		before, rest, ok := strings.Cut(want, begin)
		_, after, closed := strings.Cut(rest, end)
		if !ok || !closed {
			t.Fatalf("%s has no table of %s", page, name)
		}
		want = before + begin + table + end + after
	}
	if *update {
		if err := os.WriteFile(page, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want, string(data)); diff != "" {
		t.Errorf("run go test ./kvschema/traefik -update (-want +got):\n%s", diff)
	}
}

func annotationTable() string {
	lines := []string{"| annotation | becomes | verdict | what to know |", "|---|---|---|---|"}
	for _, a := range traefik.Annotations() {
		becomes := ""
		if strings.HasPrefix(a.Becomes, "traefik.") {
			becomes = "`" + a.Becomes + "`"
		} else {
			becomes = a.Becomes
		}
		name := strings.ReplaceAll(a.Name, "*", "NAME")
		lines = append(lines, fmt.Sprintf("| `%s` | %s | %s | %s |", name, becomes, a.Kind, a.Note))
	}
	return strings.Join(lines, "\n") + "\n"
}

func findingTable() string {
	meanings := traefik.RuleMeanings()
	lines := []string{"| rule | default | what it finds |", "|---|---|---|"}
	for _, rule := range slices.Sorted(maps.Keys(meanings)) {
		lines = append(lines, fmt.Sprintf("| `%s` | %s | %s |", rule, traefik.DefaultSeverities()[rule], meanings[rule]))
	}
	return strings.Join(lines, "\n") + "\n"
}

// TestEveryVerdictIsGiven has each annotation translated with an ordinary value, and
// gets the verdict of the table or a reason why not.
func TestEveryVerdictIsGiven(t *testing.T) {
	for _, annotation := range traefik.Annotations() {
		name := strings.ReplaceAll(annotation.Name, "*", "name")
		value := "1"
		if strings.HasSuffix(name, "Headers") {
			value = "A:1"
		}
		tags := []string{"traefik.frontend.rule=Host:a", name + "=" + value}
		if name == "traefik.frontend.rule" {
			tags = tags[:1]
		}
		for _, verdict := range traefik.Translate(shop, tags, site(traefik.Both)).Verdicts {
			if verdict.Annotation != name || verdict.Kind == annotation.Kind {
				continue
			}
			if verdict.Kind != traefik.Lost || verdict.Why == "" {
				t.Errorf("%s=1 is %s: %q, want %s", name, verdict.Kind, verdict.Why, annotation.Kind)
			}
		}
	}
}
