package kvschema_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/k8s-registrar/k8s-registrar/kvschema"
)

var update = flag.Bool("update", false, "write what is read into testdata/*.txtar")

// TestTree reads whole trees from testdata. An archive has a section for
// k8s-deployer's key_path, one for each key in the order of creation, and two for
// what is wanted: services and problems.
func TestTree(t *testing.T) {
	for path, archive := range goldens(t) {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			keyPath, pairs, want := unpack(archive)
			tree := newStore(keyPath).read(pairs)
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

// unpack takes the line end off each value: k8s-deployer stores none, and an
// archive must have one.
func unpack(archive *txtar.Archive) (keyPath string, pairs []kvschema.Pair, want map[string]string) {
	want = map[string]string{}
	for _, file := range archive.Files {
		switch file.Name {
		case "key_path":
			keyPath = strings.TrimSpace(string(file.Data))
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
	}
	return text.String()
}

func problems(tree kvschema.Tree) string {
	var text strings.Builder
	for _, p := range tree.Problems {
		fmt.Fprintf(&text, "%v\n", p)
	}
	return text.String()
}
