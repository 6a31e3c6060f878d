package consulproc

import (
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/consul/api"
)

func TestBinary(t *testing.T) {
	root := t.TempDir()
	work := filepath.Join(root, "a", "b")
	must(t, os.MkdirAll(work, 0o700))
	must(t, os.Mkdir(filepath.Join(root, "bin"), 0o700))
	must(t, os.WriteFile(filepath.Join(root, "go.mod"), nil, 0o600))
	t.Chdir(work)
	t.Setenv(binaryEnv, "")
	wantError := func(text string) {
		t.Helper()
		if path, err := Binary(); err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("got %q, %v, want error with %q", path, err, text)
		}
	}
	program := filepath.Join(root, "bin", "consul")
	wantError("run make bin/consul")
	must(t, os.WriteFile(program, nil, 0o600))
	wantError("not a program")
	must(t, os.Chmod(program, 0o700))
	if path, err := Binary(); err != nil || path != program {
		t.Errorf("got %q, %v, want %q", path, err, program)
	}
	t.Setenv(binaryEnv, "nowhere")
	wantError("CONSUL_BIN")
}

func TestMerge(t *testing.T) {
	base := map[string]any{"a": 1, "m": map[string]any{"x": 1, "y": map[string]any{"z": 1}}, "l": []int{1}}
	over := map[string]any{"b": 2, "m": map[string]any{"y": map[string]any{"w": 2}}, "l": []int{2}}
	want := map[string]any{
		"a": 1, "b": 2, "l": []int{2},
		"m": map[string]any{"x": 1, "y": map[string]any{"z": 1, "w": 2}},
	}
	if diff := cmp.Diff(want, merge(base, nil, over)); diff != "" {
		t.Errorf("merge (-want +got):\n%s", diff)
	}
	if len(base) != 3 || len(base["m"].(map[string]any)["y"].(map[string]any)) != 1 {
		t.Errorf("merge changed its input to %v", base)
	}
}

func TestNewUUID(t *testing.T) {
	form := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	if a, b := newUUID(), newUUID(); !form.MatchString(a) || a == b {
		t.Errorf("got %q and %q", a, b)
	}
}

// The environment of whoever runs the tests must not reach the clients.
func TestClientIgnoresEnvironment(t *testing.T) {
	for key, value := range map[string]string{
		"CONSUL_HTTP_ADDR": "https://elsewhere:1", "CONSUL_HTTP_TOKEN": "theirs",
		"CONSUL_HTTP_TOKEN_FILE": "/nowhere", "CONSUL_NAMESPACE": "ns1", "CONSUL_PARTITION": "p1",
		"CONSUL_HTTP_SSL": "true", "CONSUL_HTTP_AUTH": "user:pass", "CONSUL_CACERT": "/nowhere",
	} {
		t.Setenv(key, value)
	}
	for _, test := range []struct{ made, perCall, want string }{
		{"", "", ""}, {"ours", "", "ours"}, {"theirs", "", "theirs"}, {"ours", "call", "call"}, {"", "theirs", "theirs"},
	} {
		got := capture(t, test.made, test.perCall)
		if got.Header.Get(tokenHeader) != test.want || got.Header.Get("Authorization") != "" {
			t.Errorf("made with %q, called with %q: header %v", test.made, test.perCall, got.Header)
		}
		if url := got.URL.String(); url != "http://127.0.0.9:28500/v1/kv/a?stale=" {
			t.Errorf("asked %s", url)
		}
	}
}

// capture returns the request that a client made with one token sends when called with another.
func capture(t *testing.T, made, perCall string) (got *http.Request) {
	t.Helper()
	p := &Process{address: "127.0.0.9", transport: newTransport()}
	p.transport.RegisterProtocol("http", roundTrip(func(request *http.Request) *http.Response {
		got = request
		recorder := httptest.NewRecorder()
		recorder.WriteHeader(http.StatusNotFound)
		return recorder.Result()
	}))
	_, _, err := client(t, p, made).KV().Get("a", &api.QueryOptions{AllowStale: true, Token: perCall})
	must(t, err)
	return got
}

// A roundTrip answers requests without a network.
type roundTrip func(*http.Request) *http.Response

func (r roundTrip) RoundTrip(request *http.Request) (*http.Response, error) { return r(request), nil }

func TestListen(t *testing.T) {
	port, stop, err := Listen("127.0.0.1:0")
	must(t, err)
	addr := join("127.0.0.1", port)
	for range 2 {
		conn, err := net.Dial("tcp", addr)
		must(t, err)
		must(t, conn.Close())
	}
	must(t, stop())
	if _, err := net.Dial("tcp", addr); err == nil {
		t.Error("the port is open after stop")
	}
}

func TestClaimedAddressIsTaken(t *testing.T) {
	address, claim, err := claimAddress()
	must(t, err)
	must(t, portsFree(address))
	if _, err := net.Listen("tcp", join(address, claimPort)); err == nil {
		t.Error("claimed the same address twice")
	}
	must(t, claim.Close())
}

// TestOpenPorts: all are open until they are closed, and none if one of them is taken.
func TestOpenPorts(t *testing.T) {
	taken, stop, err := Listen("127.0.0.1:0")
	must(t, err)
	free, release, err := Listen("127.0.0.1:0")
	must(t, err)
	must(t, release())
	if _, err := OpenPorts("127.0.0.1", []int{free, taken}); err == nil {
		t.Error("a port that is taken is no error")
	}
	must(t, stop())
	ports, err := OpenPorts("127.0.0.1", []int{free, taken})
	must(t, err)
	for _, number := range []int{free, taken} {
		conn, err := net.Dial("tcp", ports.Of(number))
		must(t, err)
		must(t, conn.Close())
	}
	must(t, ports.Close())
	if _, err := net.Dial("tcp", ports.Of(free)); err == nil {
		t.Error("a port is open after Close")
	}
}
