package config

import (
	"errors"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

func write(t *testing.T, text string) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "config.hcl")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func equal(t *testing.T, got, want Config) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.EquateComparable(Secret{}, netip.Addr{})); diff != "" {
		t.Errorf("configuration (-want +got):\n%s", diff)
	}
}

func TestLoadNothing(t *testing.T) {
	got, err := Load(Sources{})
	if err != nil {
		t.Fatal(err)
	}
	equal(t, got, Default())
}

func TestLoadFile(t *testing.T) {
	got, err := Load(Sources{File: write(t, `
key_path = "kubernetes/blue"
consul {
  address = "https://127.0.0.1:8501"
  token   = "hunter2"
  ca_file = "/etc/ca.pem"
}
node { address = "10.0.0.7" }
check {
  interval                 = "30s"   # text
  failures_before_critical = 3       # number
  failures_before_warning  = "1"     // a number may have quotes
}
guard { allow_removals = true }
telemetry { listen = "" }
services {
  types      = ["NodePort", "LoadBalancer"]
  namespaces = []
  tags       = [
    "a,b",       // a comma needs nothing here
    "c\\d",
  ]
  meta = { team = "shop", "Cost_center-7" = 42 }
}
`)})
	if err != nil {
		t.Fatal(err)
	}
	want := Default()
	want.KeyPath = "kubernetes/blue"
	want.Consul = Consul{Address: "https://127.0.0.1:8501", Token: NewSecret("hunter2"), CAFile: "/etc/ca.pem"}
	want.Node.Address = netip.MustParseAddr("10.0.0.7")
	want.Check.Interval = 30 * time.Second
	want.Check.FailuresBeforeCritical = 3
	want.Check.FailuresBeforeWarning = 1
	want.Guard.AllowRemovals = true
	want.Services.Types = []string{"NodePort", "LoadBalancer"}
	want.Services.Tags = []string{"a,b", `c\d`}
	want.Services.Meta = map[string]string{"team": "shop", "Cost_center-7": "42"}
	want.Telemetry.Listen = ""
	equal(t, got, want)
}

func TestPrecedence(t *testing.T) {
	file := "check { interval = \"20s\" }"
	env := map[string]string{"K8S_REGISTRAR_CHECK_INTERVAL": "30s", "K8S_REGISTRAR_SERVICE_HOST": "10.96.0.1"}
	flags := map[string]string{"check.interval": "40s"}
	for _, tt := range []struct {
		name    string
		sources Sources
		want    time.Duration
	}{
		{"default", Sources{}, 10 * time.Second},
		{"file", Sources{File: write(t, file)}, 20 * time.Second},
		{"environment over file", Sources{File: write(t, file), Env: lookup(env)}, 30 * time.Second},
		{"flag over environment", Sources{File: write(t, file), Env: lookup(env), Flags: flags}, 40 * time.Second},
		{"flag over file", Sources{File: write(t, file), Flags: flags}, 40 * time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Load(tt.sources)
			if err != nil {
				t.Fatal(err)
			}
			want := Default()
			want.Check.Interval = tt.want
			equal(t, got, want)
		})
	}
}

// TestEverySettingFromEverySource gives each setting its default in each way.
func TestEverySettingFromEverySource(t *testing.T) {
	config := Default()
	env, flags := make(map[string]string), make(map[string]string)
	for _, s := range config.Settings() {
		env[s.Env()], flags[s.Name] = s.String(), s.String()
	}
	for _, sources := range []Sources{{Env: lookup(env)}, {Flags: flags}} {
		got, err := Load(sources)
		if err != nil {
			t.Error(err)
		}
		equal(t, got, Default())
	}
}

func TestEmptyVariableIsAValue(t *testing.T) {
	got, err := Load(Sources{
		File: write(t, `telemetry { listen = ":1" }`),
		Env:  lookup(map[string]string{"K8S_REGISTRAR_TELEMETRY_LISTEN": ""}),
	})
	if err != nil || got.Telemetry.Listen != "" {
		t.Errorf("Load: listen %q, %v", got.Telemetry.Listen, err)
	}
}

func TestFileThatCannotBeRead(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "config.hcl")
	directory := t.TempDir()
	large := write(t, strings.Repeat("#", maxFileSize+1))
	for _, tt := range []struct{ name, path, want string }{
		{"missing", missing, "open " + missing + `: no such file or directory: "k8s-registrar validate --reference" prints one to start from`},
		{"directory", directory, "read " + directory + ": is a directory"},
		{"large", large, "read " + large + ": larger than 1 MiB: this is hardly a configuration"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Load(Sources{File: tt.path, Flags: map[string]string{"log.level": "loud"}})
			want := tt.want + "\n" + `--log-level: log.level: "loud" is not one of trace, debug, info, warn, error`
			if err == nil || err.Error() != want {
				t.Errorf("got  %v\nwant %s", err, want)
			}
			if _, ok := errors.AsType[*Error](err); !ok {
				t.Errorf("%T is not an *Error", err)
			}
			if got, want := errors.Is(err, fs.ErrNotExist), tt.name == "missing"; got != want {
				t.Errorf("errors.Is(err, fs.ErrNotExist) is %v", got)
			}
		})
	}
}

func TestLargestFile(t *testing.T) {
	got, err := Load(Sources{File: write(t, strings.Repeat("#", maxFileSize))})
	if err != nil {
		t.Fatal(err)
	}
	equal(t, got, Default())
}

// TestDeepFile has what would overflow the parser's stack, which ends a
// process whatever it recovers from. 64 KiB are enough for that.
func TestDeepFile(t *testing.T) {
	for _, deep := range []string{"[", "(", "{a=", "x {\n", "!", "-", "a?", `"${`, "%{if ", "f(", "[\n", "a.*", "<<A\n${"} {
		text := "a = " + strings.Repeat(deep, (1<<16)/len(deep))
		if _, err := Load(Sources{File: write(t, text)}); err == nil {
			t.Errorf("a file of %q was accepted", deep)
		}
	}
}

// TestListReadsWhatItPrints, whatever its elements are made of.
func TestListReadsWhatItPrints(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		element := rapid.StringOfN(rapid.RuneFrom([]rune(`a,\\= "`)), 1, 6, -1)
		want := rapid.SliceOfN(element, 1, 5).Draw(t, "list")
		if got := splitList(joinList(want)); !slices.Equal(want, got) {
			t.Fatalf("%q is printed as %q and read as %q", want, joinList(want), got)
		}
	})
}
