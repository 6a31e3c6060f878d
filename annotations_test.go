package main

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

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
		if block, _, _ := strings.Cut(s.Name, "."); !slices.Contains([]string{"services", "node", "check", "spread", "traefik"}, block) {
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

// TestWhatTheConfigurationAcceptsCanBeRead: the two packages do not know each other, and
// what is a mistake in one must not be found only in the other, Service by Service. What may
// be configured for all may be said of one.
func TestWhatTheConfigurationAcceptsCanBeRead(t *testing.T) {
	const value = `{"metadata": {"name": "cart", "annotations": %s}, "spec": {"type": "NodePort", "ports": [{"name": "http", "nodePort": 30080}]}}`
	odd := rapid.StringOfN(rapid.OneOf(rapid.RuneFrom([]rune(`ab-_.,=\{}*? `+"\n\x00ä")), rapid.Rune()), 0, 12, -1)
	pick := func(words ...string) *rapid.Generator[string] { return rapid.OneOf(rapid.SampledFrom(words), odd) }
	texts := map[string]*rapid.Generator[string]{
		"services.name":    pick("{namespace}-{name}", "{name}", "x-{name}"),
		"services.tags":    pick("a,b", `a\,b`, "traefik.enable=true"),
		"services.meta":    pick("a=b", "consul-x=y", "managed-by=me", "external-k8s-ns=x", "k8s-registrar-key=x", "a="+strings.Repeat("x", 513)),
		"services.address": pick("", "node", "10.0.0.1", "fd00::1", "::", "fe80::1%eth0"),
		"services.weight":  pick("1", "65535"),
	}
	rapid.Check(t, func(t *rapid.T) {
		cfg := config.Default()
		for _, s := range cfg.Settings() {
			if text, ok := texts[s.Name]; ok {
				_ = s.Set(text.Draw(t, s.Name)) // a mistake leaves the default
			}
		}
		said := map[string]string{"k8s-registrar/address": cfg.Services.Address, "k8s-registrar/tags": strings.Join(cfg.Services.Tags, "\n")}
		for name, value := range cfg.Services.Meta {
			said["k8s-registrar/meta."+name] = value
		}
		annotations, err := json.Marshal(said)
		if err != nil {
			t.Fatal(err)
		}
		reader := kvschema.NewReader(kvschema.Prefix("kubernetes"), kvschema.Rules(cfg.Services))
		reading, _ := reader.Read(kvschema.Pair{Key: "kubernetes/deployments/shop/cart", Value: fmt.Appendf(nil, value, annotations)}, nil)
		if err := reading.Err(); err != nil {
			t.Fatalf("%+v: %v", cfg.Services, err)
		}
	})
}
