package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/k8s-registrar/k8s-registrar/e2e/consulproc"
	"github.com/k8s-registrar/k8s-registrar/e2e/measure"
)

// TestMain lets this program be the contenders that the bench brings.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && commands()[os.Args[1]] != nil {
		os.Exit(run(context.Background(), os.Args[1:], os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

// TestQuick runs the whole bench against a real Consul, with few services. It judges no
// time: that every change arrives, and that nothing is written at rest, is what it is for.
func TestQuick(t *testing.T) {
	consul, err := consulproc.Binary()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	registrar, results := filepath.Join(dir, "k8s-registrar"), filepath.Join(dir, "results.json")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", registrar, "github.com/k8s-registrar/k8s-registrar")
	if output, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	var out, errors bytes.Buffer
	args := []string{"-quick", "-contenders=floor,ours", "-consul=" + consul, "-registrar=" + registrar, "-results=" + results}
	if code := run(t.Context(), args, &out, &errors); code != 0 {
		t.Fatalf("exit code %d\n%s%s", code, &out, &errors)
	}
	all, err := load(results)
	if err != nil || len(all.Sizes) != 1 || all.Sizes[0].named(floorName) == nil {
		t.Fatalf("the results are %+v, error %v", all, err)
	}
	docs := filepath.Join(dir, "docs")
	if err := os.MkdirAll(docs, 0o700); err != nil {
		t.Fatal(err)
	}
	document := filepath.Join(docs, benchmarksDocument)
	if err := os.WriteFile(document, []byte("<!-- begin measured -->\n<!-- end measured -->\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := all.document(docs); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(document)
	if err != nil || !strings.Contains(string(text), "| ours |") || !strings.Contains(string(text), "### 20 services") {
		t.Errorf("the document is %q, error %v", text, err)
	}
}

// TestRequests makes each of the requests whose price is measured, and judges none.
func TestRequests(t *testing.T) {
	consul, err := consulproc.Binary()
	if err != nil {
		t.Fatal(err)
	}
	var out, errors bytes.Buffer
	if code := run(t.Context(), []string{requestsName, "-services=20", "-rest=100ms", "-consul=" + consul}, &out, &errors); code != 0 {
		t.Fatalf("exit code %d\n%s%s", code, &out, &errors)
	}
	if want := "| all in the catalog | 30 |"; !strings.Contains(out.String(), want) {
		t.Errorf("it prints no %q:\n%s", want, &out)
	}
}

// TestLossless holds what the smoke test rests on.
func TestLossless(t *testing.T) {
	good := func() sizeResult {
		return sizeResult{Contenders: []contenderResult{{
			Name: oursName, Cold: []float64{1}, Burst: []float64{1},
			Change: timesResult{All: []float64{1}}, Delete: timesResult{All: []float64{1}},
		}}}
	}
	if r := good(); r.lossless() != nil {
		t.Errorf("nothing was lost, and it says %v", r.lossless())
	}
	for name, spoil := range map[string]func(*contenderResult){
		"lost":         func(c *contenderResult) { c.Lost.Burst = 1 },
		"died":         func(c *contenderResult) { c.Died = "panic" },
		"wrote":        func(c *contenderResult) { c.Idle.Wrote = true },
		"not measured": func(c *contenderResult) { c.Delete.All = nil },
		"other":        func(c *contenderResult) { c.Name = templateName },
	} {
		r := good()
		spoil(&r.Contenders[0])
		if r.lossless() == nil {
			t.Errorf("%s: it says that nothing was lost", name)
		}
	}
}

// TestPlugin compares the plugin with what the values ask for.
func TestPlugin(t *testing.T) {
	s := measure.Service{Namespace: "n", Name: "shop", Port: 30001, Version: 7}
	value := string(s.Value())
	argument, err := json.Marshal(map[string]map[string]string{
		"n": {"shop": value, "inner": strings.Replace(value, `"NodePort"`, `"ClusterIP"`, 1)},
	})
	if err != nil {
		t.Fatal(err)
	}
	var out, errors bytes.Buffer
	if code := run(t.Context(), []string{"plugin", string(argument)}, &out, &errors); code != 0 {
		t.Fatalf("exit code %d: %s", code, &errors)
	}
	var file struct{ Services []definition }
	if err := json.Unmarshal(out.Bytes(), &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Services) != 1 || file.Services[0].Name != "shop" || file.Services[0].Port != 30001 || !slices.Equal(file.Services[0].Tags, s.Tags()) {
		t.Errorf("it prints %+v", file.Services)
	}
	if code := run(t.Context(), []string{"plugin", `{"n": {"shop": "not json"}}`}, &out, &errors); code == 0 {
		t.Error("a value that is not JSON is no error: the old stack's plugin ends with it")
	}
}

func TestOptions(t *testing.T) {
	for _, args := range [][]string{
		{"-sizes=0"}, {"-sizes=20,x"}, {"-sizes=20001"}, {"-contenders=nobody"}, {"-consul=" + t.TempDir() + "/none"},
	} {
		if _, err := parse(args, &bytes.Buffer{}); err == nil {
			t.Errorf("%q is no error", args)
		}
	}
}

// TestReason: what is published of a program's end names no folder of this machine.
func TestReason(t *testing.T) {
	log := "starting\n[ERR] (cli) exec \"/home/me/bin/bench\": fork/exec /home/me/bin/bench: argument list too long\nbye\n"
	if got, want := reason(log), `[ERR] (cli) exec "bench": fork/exec bench: argument list too long`; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
