package register_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/k8s-registrar/k8s-registrar/kvschema"
	"github.com/k8s-registrar/k8s-registrar/kvschema/traefik"
	"github.com/k8s-registrar/k8s-registrar/register"
)

var update = flag.Bool("update", false, "write what is registered into testdata/services/*.txtar")

// TestServices takes Services as API servers have answered them all the way to what is
// registered. An archive has a Service, perhaps the rules, and what becomes of it for each
// generation of Traefik; generations with the same result share a section.
//
// That the Services have every field there is holds a test in e2e/kubernetes.
func TestServices(t *testing.T) {
	paths, err := filepath.Glob("testdata/services/*.txtar")
	if err != nil || len(paths) < 20 {
		t.Fatalf("%d archives: %v", len(paths), err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(path)
			if err != nil {
				t.Fatal(err)
			}
			given := slices.IndexFunc(archive.Files, func(f txtar.File) bool { return f.Name == "service" }) + 1
			got := registeredOf(t, archive.Files[:given])
			if *update {
				archive.Files = append(archive.Files[:given], got...)
				if err := os.WriteFile(path, txtar.Format(archive), 0o644); err != nil { //nolint:gosec // it is a source file
					t.Fatal(err)
				}
				return
			}
			want := string(txtar.Format(&txtar.Archive{Files: archive.Files[given:]}))
			if diff := cmp.Diff(want, string(txtar.Format(&txtar.Archive{Files: got}))); diff != "" {
				t.Errorf("(-want +got), -update takes what is got:\n%s", diff)
			}
		})
	}
}

// registeredOf returns a section for each result, in the order of the generations.
func registeredOf(t *testing.T, given []txtar.File) []txtar.File {
	t.Helper()
	var rules kvschema.Rules
	for _, file := range given[:len(given)-1] {
		if err := json.Unmarshal(file.Data, &rules); err != nil {
			t.Fatal(err)
		}
	}
	var sections []txtar.File
	for _, generation := range []traefik.Generation{traefik.V1, traefik.V3, traefik.Both} {
		site := traefik.Site{Generation: generation, Constraint: "kubernetes", TLSEntryPoints: []string{"https"}}
		reader := kvschema.NewReader(kvschema.Prefix("kubernetes"), rules).For(site)
		result := []byte(registered(t, reader, given[len(given)-1].Data))
		same := slices.IndexFunc(sections, func(f txtar.File) bool { return string(f.Data) == string(result) })
		if same >= 0 {
			sections[same].Name += " " + string(generation)
			continue
		}
		sections = append(sections, txtar.File{Name: string(generation), Data: result})
	}
	return sections
}

// registered says in words what a node of both families announces for a value.
func registered(t *testing.T, reader kvschema.Reader, value []byte) string {
	t.Helper()
	var service struct {
		Metadata struct{ Namespace, Name string }
	}
	if err := json.Unmarshal(value, &service); err != nil {
		t.Fatal(err)
	}
	key := reader.Prefix() + service.Metadata.Namespace + "/" + service.Metadata.Name
	reading, ours := reader.Read(kvschema.Pair{Key: key, Value: value, CreateIndex: 1, ModifyIndex: 1}, nil)
	if !ours {
		t.Fatalf("%s is no key of the tree", key)
	}
	node := register.Node{Name: "node-1", Meta: map[string]string{}}.At(netip.MustParseAddr("2001:db8::1")).At(netip.MustParseAddr("192.0.2.1"))
	desired, problems := mapping.Desired(kvschema.Compose([]*kvschema.Reading{reading}), node)
	var text strings.Builder
	for _, id := range slices.Sorted(maps.Keys(desired.Want)) {
		writeRegistration(&text, desired.Want[id])
	}
	for _, p := range problems {
		fmt.Fprintf(&text, "%s: %v\n", map[bool]string{false: "problem", true: "warning"}[p.Warning], p.Err)
	}
	if text.Len() == 0 {
		return "nothing is announced, and nothing is wrong\n"
	}
	return text.String()
}

// writeRegistration leaves out the meta that every registration has.
func writeRegistration(text *strings.Builder, r register.Registration) {
	fmt.Fprintf(text, "%s, port %d, id %s\n", r.Name, r.Port, r.ID)
	if r.Address != "" {
		fmt.Fprintf(text, "    address %s\n", r.Address)
	}
	for _, name := range slices.Sorted(maps.Keys(r.TaggedAddresses)) {
		fmt.Fprintf(text, "    address %s: %s, port %d\n", name, r.TaggedAddresses[name].Address, r.TaggedAddresses[name].Port)
	}
	if r.Weights != nil {
		fmt.Fprintf(text, "    weight %d, %d while warning\n", r.Weights.Passing, r.Weights.Warning)
	}
	for key, value := range r.Meta.All() {
		if !strings.HasPrefix(key, "k8s-registrar-") && !strings.HasPrefix(key, "external-") && key != "managed-by" {
			fmt.Fprintf(text, "    meta %s=%s\n", key, value)
		}
	}
	if r.Check == nil {
		fmt.Fprintln(text, "    no check")
	} else {
		fmt.Fprintf(text, "    check %s\n", r.Check.Notes())
	}
	for _, tag := range r.Tags {
		fmt.Fprintf(text, "    tag %s\n", tag)
	}
}
