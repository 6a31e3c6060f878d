package kvschema_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/k8s-registrar/k8s-registrar/kvschema"
)

var update = flag.Bool("update", false, "write what is read into testdata/*.txtar")

// TestTree reads whole trees from testdata. An archive has a section for
// k8s-deployer's key_path, perhaps one for the rules, one for each key in the order of
// creation, and two for what is wanted: services and problems.
func TestTree(t *testing.T) {
	for path, archive := range goldens(t) {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			keyPath, pairs, want := unpack(archive)
			store := newStore(keyPath)
			store.reader = kvschema.NewReader(kvschema.Prefix(keyPath), rules(t, archive))
			tree := store.read(pairs)
			got := map[string]string{"services": services(tree), "problems": problems(tree)}
			if *update {
				rewrite(t, path, archive, got)
				return
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got), -update takes what is got:\n%s", diff)
			}
		})
	}
}

func goldens(t testing.TB) map[string]*txtar.Archive {
	t.Helper()
	paths, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no archives: %v", err)
	}
	archives := make(map[string]*txtar.Archive, len(paths))
	for _, path := range paths {
		if archives[path], err = txtar.ParseFile(path); err != nil {
			t.Fatal(err)
		}
	}
	return archives
}

// rules are those of an archive that has some, in JSON.
func rules(t testing.TB, archive *txtar.Archive) (r kvschema.Rules) {
	t.Helper()
	for _, file := range archive.Files {
		if file.Name == "rules" {
			if err := json.Unmarshal(file.Data, &r); err != nil {
				t.Fatal(err)
			}
		}
	}
	return r
}

// unpack takes the line end off each value: k8s-deployer stores none, and an
// archive must have one.
func unpack(archive *txtar.Archive) (keyPath string, pairs []kvschema.Pair, want map[string]string) {
	want = map[string]string{}
	for _, file := range archive.Files {
		switch file.Name {
		case "key_path":
			keyPath = strings.TrimSpace(string(file.Data))
		case "rules": // see there
		case "services", "problems":
			want[file.Name] = string(file.Data)
		default:
			index := uint64(len(pairs) + 1)
			value := bytes.TrimSuffix(file.Data, []byte("\n"))
			pairs = append(pairs, kvschema.Pair{Key: file.Name, Value: value, CreateIndex: index, ModifyIndex: index})
		}
	}
	return keyPath, pairs, want
}

func rewrite(t *testing.T, path string, archive *txtar.Archive, sections map[string]string) {
	t.Helper()
	for i, file := range archive.Files {
		if text, ok := sections[file.Name]; ok {
			archive.Files[i].Data = []byte(text)
		}
	}
	if err := os.WriteFile(path, txtar.Format(archive), 0o644); err != nil { //nolint:gosec // it is a source file
		t.Fatal(err)
	}
}

func services(tree kvschema.Tree) string {
	var text strings.Builder
	for _, s := range tree.Services {
		fmt.Fprintf(&text, "%s/%s, key %d: %s %d, port %d %q\n", s.Namespace, s.Name, s.CreateIndex,
			s.Ports[0].Protocol, s.Ports[0].NodePort, s.Ports[0].Port, s.Ports[0].Name)
		for _, tag := range s.TagsOf(0) {
			fmt.Fprintf(&text, "    %s\n", tag)
		}
		writeRest(&text, *s)
	}
	return text.String()
}

// writeRest has what a Service of the zero Rules without annotations does not have.
func writeRest(text *strings.Builder, s kvschema.Service) {
	if s.As != "" {
		fmt.Fprintf(text, "  as %s\n", s.As)
	}
	for i := 1; i < len(s.Ports); i++ {
		fmt.Fprintf(text, "  and %s: %+v %q\n", s.NameOf(i), s.Ports[i], s.TagsOf(i))
	}
	if s.Address != "" || s.DualStack {
		var families []string
		if s.Families.IPv4 {
			families = append(families, "IPv4")
		}
		if s.Families.IPv6 {
			families = append(families, "IPv6")
		}
		fmt.Fprintf(text, "  at %q, dual stack %v, families %v\n", s.Address, s.DualStack, families)
	}
	var check kvschema.Check
	if s.Check != nil {
		check = *s.Check
	}
	for _, rest := range []struct {
		what  string
		value any
	}{
		{"check", check}, {"meta", s.Meta}, {"nodes", s.Nodes}, {"traefik port", s.TraefikPort}, {"warnings", s.Warnings}, {"weights", s.Weights},
	} {
		if !reflect.ValueOf(rest.value).IsZero() {
			fmt.Fprintf(text, "  %s %+v\n", rest.what, rest.value)
		}
	}
}

func problems(tree kvschema.Tree) string {
	var text strings.Builder
	for _, p := range tree.Problems {
		fmt.Fprintf(&text, "%v\n", p)
	}
	return text.String()
}
