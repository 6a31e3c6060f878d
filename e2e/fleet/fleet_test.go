package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/k8s-registrar/k8s-registrar/e2e/consulproc"
	"github.com/k8s-registrar/k8s-registrar/e2e/measure"
)

// measured runs the command, and returns the results that it keeps and what it prints.
func measured(t *testing.T, args ...string) (all results, printed string) {
	t.Helper()
	consul, err := consulproc.Binary()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "results.json")
	var out, errors bytes.Buffer
	args = append([]string{"-consul=" + consul, "-patience=1m", "-results=" + path}, args...)
	if code := run(t.Context(), args, &out, &errors); code != 0 {
		t.Fatalf("exit code %d\n%s%s", code, &out, &errors)
	}
	if all, err = load(path); err != nil {
		t.Fatal(err)
	}
	return all, out.String()
}

// TestSmallFleet measures a fleet that is small and judges no time: every change has to
// reach the catalog from every node, also after the server was away, and nothing may be
// written at rest.
func TestSmallFleet(t *testing.T) {
	dir := t.TempDir()
	docs := filepath.Join(dir, scalingDocument)
	if err := os.WriteFile(docs, []byte("<!-- begin measured -->\n<!-- end measured -->\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	all, _ := measured(t, "-points=3x10x2", "-changes=3", "-deploy=5", "-herd=4s", "-leader=3", "-docs="+dir)
	f := all.Fleets[0]
	if f.Lost != 0 || f.Restart.Lost != 0 || all.Leaders[0].Lost != 0 {
		t.Errorf("lost %d changes, %d after the restart and %d after the change of leader", f.Lost, f.Restart.Lost, all.Leaders[0].Lost)
	}
	if f.IdleWrites != 0 {
		t.Errorf("%d writes at rest", f.IdleWrites)
	}
	if got := f.Requests["writes"]; got != 1 {
		t.Errorf("a change costs %v writes on a node, want 1", got)
	}
	document, err := os.ReadFile(docs)
	if err != nil || !strings.Contains(string(document), "| 3 | 10 | 2 |") {
		t.Errorf("the document is %q, error %v", document, err)
	}
}

// TestSmallRivals measures fleets of the others: every change has to reach the catalog from
// every node, in one write of each, and nothing is written at rest. A leader is changed under
// ours only.
func TestSmallRivals(t *testing.T) {
	all, out := measured(t, "-points=3x10x2", "-contenders=floor,careful", "-changes=2", "-herd=1s", "-leader=3")
	if len(all.Fleets) != 2 || len(all.Leaders) != 0 {
		t.Fatalf("%d fleets and %d changes of leader, want 2 and 0", len(all.Fleets), len(all.Leaders))
	}
	for i, name := range []string{floorName, carefulName} {
		f := all.Fleets[i]
		if f.Contender != name || f.Lost != 0 || f.IdleWrites != 0 || len(f.Change) != 2 {
			t.Errorf("%s lost %d of %d changes, and %d writes at rest; want %s, and none", f.Contender, f.Lost, len(f.Change), f.IdleWrites, name)
		}
		if got := f.Requests["writes"]; got != 1 {
			t.Errorf("%s: a change costs %v writes on a node, want 1", name, got)
		}
		if !strings.Contains(out, "| 3 | 10 | 2 | "+name+" |") {
			t.Errorf("%s is not in what is printed:\n%s", name, out)
		}
	}
}

// TestSmallFleetOfClients measures nodes that have a client agent of Consul each.
func TestSmallFleetOfClients(t *testing.T) {
	all, out := measured(t, "-points=2x5x2", "-clients", "-contenders=ours,floor,careful", "-changes=2", "-herd=1s")
	if len(all.Fleets) != 3 || len(all.Leaders) != 0 {
		t.Fatalf("%d fleets and %d changes of leader, want 3 and 0", len(all.Fleets), len(all.Leaders))
	}
	for i, name := range contenderNames() {
		f := all.Fleets[i]
		if f.Contender != name || !f.Clients || f.Lost != 0 || len(f.Change) != 2 {
			t.Errorf("%s lost %d of %d changes; want %s, and none", f.Contender, f.Lost, len(f.Change), name)
		}
		if !strings.Contains(out, "| 2 | 5 | 2 | "+name+", client agents |") {
			t.Errorf("%s is not in what is printed:\n%s", name, out)
		}
	}
}

// TestContendersWriteAlike: what a node writes is as large whoever does it, and it holds all
// services.
func TestContendersWriteAlike(t *testing.T) {
	consul, err := consulproc.Binary()
	if err != nil {
		t.Fatal(err)
	}
	ours := written(t, consul, oursName)
	for _, name := range []string{floorName, carefulName} {
		size := written(t, consul, name)
		if ratio := float64(size) / float64(ours); ratio < 0.95 || ratio > 1.05 {
			t.Errorf("%s writes %d bytes, ours %d", name, size, ours)
		}
	}
}

// written returns the size of what the first node of a fleet writes into the catalog.
func written(t *testing.T, consul, contender string) (size int) {
	t.Helper()
	f, err := newFleet(t.Context(), options{consul: consul}, contender, point{2, 3, 2}, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := f.close(); err != nil {
			t.Error(err)
		}
	}()
	if err := f.start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := f.full(t.Context(), time.Minute); err != nil {
		t.Fatalf("%s: %v", contender, err)
	}
	if err := f.verify(t.Context(), f.services); err != nil {
		t.Errorf("%s: %v", contender, err)
	}
	n := f.nodes[0]
	for _, s := range n.services {
		text, err := json.Marshal(n.catalogEntry(s, n.checksOf(s)))
		if err != nil {
			t.Fatal(err)
		}
		size += len(text)
	}
	return size
}

// TestBeside compares what is there at each size, and keeps the other tables for ours. A
// result that does not say whose it is is ours.
func TestBeside(t *testing.T) {
	path := filepath.Join(t.TempDir(), "results.json")
	old := `{"fleets":[{"agents":3,"services":10,"namespaces":2,"change_server_ms":9},{"agents":100,"services":20,"namespaces":2}]}`
	if err := os.WriteFile(path, []byte(old), 0o600); err != nil {
		t.Fatal(err)
	}
	all, err := load(path)
	if err != nil {
		t.Fatal(err)
	}
	if text := all.text(); strings.Contains(text, "floor |") || strings.Count(text, "| 3 | 10 | 2 |") != 6 {
		t.Errorf("only ours was measured, and it says:\n%s", text)
	}
	small, other := point{3, 10, 2}, point{5, 10, 2}
	for _, f := range []fleetResult{
		{point: small, Contender: carefulName, ChangeCPU: 2},
		{point: small, Contender: floorName, ChangeCPU: 1.5, Change: []float64{7}, ChangeLast: []float64{8}, Lost: 4, ChangeBytes: 2500, OwnCPU: 3},
		{point: small, Contender: oursName, ChangeCPU: 3},
		{point: other, Contender: floorName, ChangeCPU: 1},
		{point: small, Contender: floorName, Clients: true, ChangeCPU: 2},
		{point: small, Contender: oursName, Clients: true, ChangeCPU: 2.5, ChangeLast: []float64{6}},
	} {
		all.replace(f)
	}
	var rows []string
	for line := range strings.Lines(all.beside()) {
		rows = append(rows, strings.TrimSpace(line))
	}
	want := []string{
		"| 3 | 10 | 2 | ours | 0 ms | 0 ms | 0 | 3.00 ms | 0.0 KB | 0.00 ms | - |",
		"| 3 | 10 | 2 | floor | 7 ms | 8 ms | 4 | 1.50 ms | 2.5 KB | 3.00 ms | 2.00 |",
		"| 3 | 10 | 2 | careful | 0 ms | 0 ms | 0 | 2.00 ms | 0.0 KB | 0.00 ms | 1.50 |",
		"| 3 | 10 | 2 | ours, client agents | 0 ms | 6 ms | 0 | 2.50 ms | - | 0.00 ms | - |",
		"| 3 | 10 | 2 | floor, client agents | 0 ms | 0 ms | 0 | 2.00 ms | - | 0.00 ms | 1.25 |",
		"| 5 | 10 | 2 | floor | 0 ms | 0 ms | 0 | 1.00 ms | 0.0 KB | 0.00 ms | - |",
	}
	if !slices.Equal(rows[2:], want) {
		t.Errorf("it is\n%s\nwant\n%s", strings.Join(rows[2:], "\n"), strings.Join(want, "\n"))
	}
	if text := all.text(); strings.Contains(text, "| 5 | 10 | 2 | 0") || strings.Count(text, "| 3 | 10 | 2 |") != 6+5 {
		t.Errorf("another than ours is in a table of ours:\n%s", text)
	}
}

func TestContenders(t *testing.T) {
	if names, err := parseContenders("floor,ours", 0); err != nil || !slices.Equal(names, []string{floorName, oursName}) {
		t.Errorf("they are %q, error %v", names, err)
	}
	if _, err := parseContenders("ours", 3); err != nil {
		t.Error(err)
	}
	for text, copies := range map[string]int{"": 0, "ours,": 0, "template": 0, "floor": 3, "ours,careful": 3} {
		if _, err := parseContenders(text, copies); err == nil {
			t.Errorf("%q with %d copies is no error", text, copies)
		}
	}
}

// TestArrivals holds that a version counts once it came from every node, and no other.
func TestArrivals(t *testing.T) {
	a := &arrivals{}
	s := measure.Service{Name: "s", Version: 2}
	w := a.expect(s, 2)
	a.note("s", []string{"v1"})
	a.note("other", []string{"v2"})
	a.note("s", []string{"kubernetes", "v2"})
	if times, missing := a.wait(t.Context(), w, time.Millisecond); len(times) != 1 || missing != 1 {
		t.Errorf("%d came and %d are missing, want 1 and 1", len(times), missing)
	}
	a.note("s", []string{"v2"})
	if times, missing := a.wait(t.Context(), w, time.Minute); len(times) != 2 || missing != 0 {
		t.Errorf("%d came and %d are missing, want 2 and 0", len(times), missing)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, missing := a.wait(ended, a.expect(s, 1), time.Minute); missing != 1 {
		t.Errorf("%d are missing, want 1", missing)
	}
}

// TestClass holds what the tables call the requests.
func TestClass(t *testing.T) {
	for _, c := range []struct{ method, url, want string }{
		{"GET", "/v1/kv/fleet/deployments/?keys=&separator=/&index=5", "doorbells of the tree"},
		{"GET", "/v1/kv/fleet/deployments/a/?recurse=&index=5", "reads of the tree"},
		{"GET", "/v1/catalog/node-services/n?filter=x&index=7", "doorbells of the catalog"},
		{"GET", "/v1/catalog/node-services/n", "reads of the catalog"},
		{"GET", "/v1/health/node/n?index=0", "reads of the catalog"},
		{"GET", "/v1/status/leader", "questions for the leader"},
		{"PUT", "/v1/catalog/register", "writes"},
	} {
		r, err := http.NewRequestWithContext(t.Context(), c.method, "http://x"+c.url, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := class(r); got != c.want {
			t.Errorf("%s %s is %q, want %q", c.method, c.url, got, c.want)
		}
	}
}

func TestPoint(t *testing.T) {
	if p, err := parsePoint("100x50x5"); err != nil || p != (point{100, 50, 5}) {
		t.Errorf("it is %v, error %v", p, err)
	}
	for _, text := range []string{"", "1x2", "0x1x1", "1x0x1", "1x1x2", "axbxc"} {
		if _, err := parsePoint(text); err == nil {
			t.Errorf("%q is no error", text)
		}
	}
}

// TestSmallSpreadFleet announces each service from two of five nodes: a change costs two
// writes, whoever they are.
func TestSmallSpreadFleet(t *testing.T) {
	all, _ := measured(t, "-points=5x10x2", "-copies=2", "-changes=3", "-deploy=5", "-herd=4s", "-leader=")
	f := all.Fleets[0]
	if f.Lost != 0 || f.IdleWrites != 0 {
		t.Errorf("lost %d changes, and %d writes at rest", f.Lost, f.IdleWrites)
	}
	if got := f.Requests["writes"] * 5; got < 1.99 || got > 2.01 {
		t.Errorf("a change costs %v writes, want 2", got)
	}
}

// TestPartsOfANode: a stand-in shows what is asked for by how IDs begin, as Consul does.
func TestPartsOfANode(t *testing.T) {
	for filter, want := range map[string][2]bool{
		"":                             {true, true},
		`ID == "a.1"`:                  {true, true},
		`ID matches "^(?:a\\.|x)"`:     {true, false},
		`ID not matches "^(?:a\\.|x)"`: {false, true},
	} {
		left := others(httptest.NewRequest(http.MethodGet, "/v1/agent/services?filter="+url.QueryEscape(filter), nil))
		if got := [2]bool{!left("a.1"), !left("ab")}; got != want {
			t.Errorf("%s: %v, want %v", filter, got, want)
		}
	}
}
