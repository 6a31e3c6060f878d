package agent

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/go-hclog"
	"golang.org/x/crypto/bcrypt"

	"github.com/k8s-registrar/k8s-registrar/config"
	"github.com/k8s-registrar/k8s-registrar/e2e/pki"
)

// guarded is a telemetry listener with the exporters' web configuration.
type guarded struct {
	*testing.T
	dir, address string
	authority    *pki.Authority
	log          *logBuffer
}

func serveGuarded(t *testing.T, webConfig string) *guarded {
	t.Helper()
	g := &guarded{T: t, dir: t.TempDir(), authority: newAuthority(t, "web"), log: &logBuffer{}}
	g.renew()
	hash, err := bcrypt.GenerateFromPassword([]byte("hunter2"), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(g.dir, "web.yml")
	text := strings.ReplaceAll(webConfig, "HASH", string(hash))
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := CheckWebConfig(config.Telemetry{WebConfigFile: path}); err != nil {
		t.Fatal(err)
	}
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g.address = listener.Addr().String()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	hello := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "hello") })
	log := hclog.New(&hclog.LoggerOptions{Output: g.log, Level: hclog.Debug})
	go func() { done <- serve(ctx, listener, hello, path, log) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return g
}

func (g *guarded) renew() {
	g.Helper()
	pair, err := g.authority.Issue("127.0.0.1")
	if err != nil {
		g.Fatal(err)
	}
	if err := pki.Write(g.dir, map[string][]byte{"cert.pem": pair.Certificate, "key.pem": pair.Key, "ca.pem": g.authority.PEM}); err != nil {
		g.Fatal(err)
	}
}

// get returns the code, the body, and the serial number of the server's certificate.
func (g *guarded) get(scheme, password string, own ...tls.Certificate) (code int, body, serial string) {
	g.Helper()
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(g.authority.PEM)
	client := http.Client{Transport: &http.Transport{
		DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: pool, Certificates: own},
	}}
	request, err := http.NewRequestWithContext(g.Context(), http.MethodGet, scheme+"://"+g.address+"/", nil)
	if err != nil {
		g.Fatal(err)
	}
	if password != "" {
		request.SetBasicAuth("prometheus", password)
	}
	response, err := client.Do(request)
	if err != nil {
		return 0, err.Error(), ""
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		g.Fatal(err)
	}
	if response.TLS != nil {
		serial = response.TLS.PeerCertificates[0].SerialNumber.String()
	}
	return response.StatusCode, string(text), serial
}

// TestTelemetryIsGuarded by TLS and a password, and its certificate is renewed.
func TestTelemetryIsGuarded(t *testing.T) {
	g := serveGuarded(t, `
tls_server_config:
  cert_file: cert.pem
  key_file: key.pem
basic_auth_users:
  prometheus: HASH
`)
	for _, tt := range []struct {
		scheme, password string
		code             int
	}{{"https", "hunter2", 200}, {"https", "", 401}, {"https", "wrong", 401}, {"http", "hunter2", 400}} {
		code, body, _ := g.get(tt.scheme, tt.password)
		if code != tt.code || (body == "hello") != (tt.code == 200) {
			t.Errorf("%s with password %q: %d %s, want %d", tt.scheme, tt.password, code, body, tt.code)
		}
	}
	_, _, before := g.get("https", "hunter2")
	g.renew()
	if _, _, after := g.get("https", "hunter2"); after == before || after == "" {
		t.Errorf("the certificate %s is still the one of before", after)
	}
	if strings.Contains(g.log.String(), "hunter2") {
		t.Error("the password is in the log")
	}
}

// TestTelemetryWantsACertificate of its readers, if the web configuration says so.
func TestTelemetryWantsACertificate(t *testing.T) {
	g := serveGuarded(t, `
tls_server_config:
  cert_file: cert.pem
  key_file: key.pem
  client_ca_file: ca.pem
  client_auth_type: RequireAndVerifyClientCert
`)
	pair := mustIssue(t, g.authority)
	own, err := tls.X509KeyPair(pair.Certificate, pair.Key)
	if err != nil {
		t.Fatal(err)
	}
	if code, body, _ := g.get("https", ""); code != 0 {
		t.Errorf("without a certificate: %d %s", code, body)
	}
	if code, body, _ := g.get("https", "", own); code != 200 {
		t.Errorf("with a certificate: %d %s", code, body)
	}
}

// TestTelemetryKeepsItsLimits with the exporters' web configuration too.
func TestTelemetryKeepsItsLimits(t *testing.T) {
	g := serveGuarded(t, "basic_auth_users:\n  prometheus: HASH\n")
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+g.address+"/", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.SetBasicAuth("prometheus", "hunter2")
	request.Header.Set("X-Long", strings.Repeat("x", 64<<10))
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("headers of 64 KiB: %s", response.Status)
	}
}

func TestCheckWebConfig(t *testing.T) {
	path := filepath.Join(t.TempDir(), "web.yml")
	for text, want := range map[string]string{
		"":                                     "",
		"basic_auth_users:\n  a: plain\n":      "hashedSecret too short",
		"tls_server:\n  cert_file: x\n":        "tls_server not found",
		"tls_server_config:\n  cert_file: x\n": "missing one of key or key_file",
		"tls_server_config:\n  cert_file: x\n  key_file: y\n": "no such file",
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		err := CheckWebConfig(config.Telemetry{WebConfigFile: path})
		if want == "" && err == nil {
			continue
		}
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
	if err := CheckWebConfig(config.Telemetry{}); err != nil {
		t.Error(err)
	}
}

// TestSlogSpeaksToOurLog: groups and attributes arrive, and information is for debugging.
func TestSlogSpeaksToOurLog(t *testing.T) {
	text := &logBuffer{}
	log := newSlog(hclog.New(&hclog.LoggerOptions{Output: text, DisableTime: true, Level: hclog.Info}))
	log.Info("quiet")
	log.With("a", 1).WithGroup("g").Warn("careful", "b", 2)
	log.Error("broken", "err", io.EOF)
	want := "[WARN]  careful: a=1 g.b=2\n[ERROR] broken: err=EOF\n"
	if got := text.String(); got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}
