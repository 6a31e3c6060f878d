package config

import (
	"strings"
	"testing"
)

func setting(t *testing.T, name string) Setting {
	t.Helper()
	s, ok := find(new(Config).Settings(), name)
	if !ok {
		t.Fatalf("no setting %s", name)
	}
	return s
}

// TestGood has the values at the edges, and what they are printed as. The bad
// ones beyond the edges are in testdata/bad.
func TestGood(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"key_path", "kubernetes/blue", ""},
		{"key_path", "Küche 7", ""},
		{"key_path", "deployments", ""},
		{"instance", "a", ""},
		{"instance", strings.Repeat("a", 32), ""},
		{"instance", "blue-1", ""},

		{"on_stop", "maintenance", ""},
		{"on_stop", "deregister", ""},

		{"consul.address", "127.0.0.1:8500", ""},
		{"consul.address", "localhost:1", ""},
		{"consul.address", "[::1]:65535", ""},
		{"consul.address", "http://consul", ""},
		{"consul.address", "https://[::1]:8501/prefix", ""},
		{"consul.address", "unix:///run/consul/http.sock", ""},
		{"consul.token", "0a1b2c3d-0000-0000-0000-000000000000", "(set)"},
		{"consul.token_file", "/etc/with a space/token", ""},

		{"node.address", "10.0.0.7", ""},
		{"node.address", "127.0.0.1", ""},
		{"node.address", "FD00:0::7", "fd00::7"},
		{"node.interface", "eth0.100", ""},

		{"services.types", "LoadBalancer,NodePort", ""},
		{"services.ports", "all", ""},
		{"services.name", "{namespace}-{name}", ""},
		{"services.name", "k8s-{name}", ""},
		{"services.namespaces", "team-*,shop,sho?", ""},
		{"services.tags", `a\,b,c d,x\\d,y\z`, `a\,b,c d,x\\d,y\\z`},
		{"services.meta", `team=shop,a=b=c,empty=,x=1\,2`, `a=b=c,empty=,team=shop,x=1\,2`},
		{"services.weight", "65535", ""},
		{"services.address", "node", ""},
		{"services.address", "FD00:0::7", "fd00::7"},

		{"check.interval", "1s", ""},
		{"check.interval", "60m", "1h"},
		{"check.interval", "61s", "1m1s"},
		{"check.interval", "10m", ""},
		{"check.timeout", "1ms", ""},
		{"check.failures_before_critical", "1", ""},
		{"check.failures_before_warning", "0", ""},
		{"check.initial_status", "critical", ""},
		{"watch.wait", "600s", "10m"},
		{"watch.min_interval", "1.5s", ""},
		{"watch.full_read", "24h", ""},
		{"reconcile.workers", "8", ""},
		{"guard.min", "0", ""},
		{"guard.percent", "100", ""},
		{"guard.allow_removals", "1", "true"},

		{"spread.copies", "100000", ""},
		{"spread.hold", "0s", ""},
		{"spread.settle", "1h", ""},

		{"telemetry.listen", "", ""},
		{"telemetry.listen", ":0", ""},
		{"telemetry.listen", "[::]:28500", ""},
		{"telemetry.listen", "node1.example.com:28500", ""},
		{"telemetry.web_config_file", "/etc/web config.yml", ""},
		{"telemetry.reload", "true", ""},
		{"telemetry.announce", "k8s-registrar", ""},
		{"telemetry.announce", strings.Repeat("a", 63), ""},
		{"log.level", "trace", ""},
		{"log.format", "json", ""},
	} {
		want := tt.want
		if want == "" {
			want = tt.text
		}
		s := setting(t, tt.name)
		if err := s.Set(tt.text); err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
		if got := s.String(); got != want {
			t.Errorf("%s: %q is printed as %q, want %q", tt.name, tt.text, got, want)
		}
	}
}

func TestRefusedValueLeavesTheField(t *testing.T) {
	s := setting(t, "check.interval")
	if err := s.Set("20s"); err != nil {
		t.Fatal(err)
	}
	if err := s.Set("20"); err == nil {
		t.Error("a duration without a unit was accepted")
	}
	if got := s.String(); got != "20s" {
		t.Errorf("the refused value left %q", got)
	}
}

func TestDidYouMean(t *testing.T) {
	known := names(new(Config).Settings())
	for name, want := range map[string]string{
		"check.intervall":  ": did you mean check.interval?",
		"cehck.interval":   ": did you mean check.interval?",
		"keypath":          ": did you mean key_path?",
		"level":            ": did you mean log.level?",
		"watch.resync":     ": did you mean reconcile.resync?",
		"consul.token_fil": ": did you mean consul.token_file?",
		"datacenter":       "",
		"":                 "",
	} {
		if got := didYouMean(name, known); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
}
