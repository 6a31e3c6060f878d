package agent

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/consul/api"

	"github.com/k8s-registrar/k8s-registrar/e2e/pki"
)

// tlsAgent is a Consul agent that speaks TLS only and asks for a certificate.
type tlsAgent struct {
	*testing.T
	server    *httptest.Server
	authority *pki.Authority
	dir       string
	renewal   *renewal
}

func newAuthority(t *testing.T, name string) *pki.Authority {
	t.Helper()
	authority, err := pki.NewAuthority(name)
	if err != nil {
		t.Fatal(err)
	}
	return authority
}

// serveTLS starts an agent whose certificate is of one authority and whose clients'
// must be too.
func serveTLS(t *testing.T, authority *pki.Authority) *httptest.Server {
	t.Helper()
	pair, err := authority.Issue("127.0.0.1", "server.dc1.consul")
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := tls.X509KeyPair(pair.Certificate, pair.Key)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Write([]byte(`"10.0.0.1:8300"`)) //nolint:errcheck // the client notices
	}))
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(authority.PEM)
	server.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert}
	server.EnableHTTP2 = true
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // handshakes that fail are meant to
	server.StartTLS()
	t.Cleanup(server.Close)
	return server
}

func newTLSAgent(t *testing.T) *tlsAgent {
	t.Helper()
	a := &tlsAgent{T: t, dir: t.TempDir(), authority: newAuthority(t, "one")}
	a.server = serveTLS(t, a.authority)
	a.write(a.authority)
	files := TLSFiles{CAFile: filepath.Join(a.dir, "ca.pem"), CertFile: filepath.Join(a.dir, "cert.pem"), KeyFile: filepath.Join(a.dir, "key.pem")}
	way, err := NewTransport(files, func() *http.Transport { return &http.Transport{ForceAttemptHTTP2: true} })
	if err != nil {
		t.Fatal(err)
	}
	a.renewal = &renewal{transport: way, files: files}
	a.connect()
	return a
}

// connect makes the client ask the server that is there now.
func (a *tlsAgent) connect() {
	a.Helper()
	client, err := api.NewClient(&api.Config{Address: a.server.URL, HttpClient: &http.Client{Transport: a.renewal.transport}})
	if err != nil {
		a.Fatal(err)
	}
	a.renewal.client = client
}

// write puts the authority and a fresh certificate of it into the files.
func (a *tlsAgent) write(authority *pki.Authority) {
	a.Helper()
	pair, err := authority.Issue("client")
	if err != nil {
		a.Fatal(err)
	}
	files := map[string][]byte{"ca.pem": authority.PEM, "cert.pem": pair.Certificate, "key.pem": pair.Key}
	if err := pki.Write(a.dir, files); err != nil {
		a.Fatal(err)
	}
}

func (a *tlsAgent) reached() error {
	_, err := a.renewal.client.Status().LeaderWithQueryOptions((&api.QueryOptions{}).WithContext(a.Context()))
	return err
}

func (a *tlsAgent) look(wantChange bool, wantError string) {
	a.Helper()
	changed, err := a.renewal.look(a.Context())
	switch {
	case wantError == "" && err != nil, wantError != "" && (err == nil || !strings.Contains(err.Error(), wantError)):
		a.Errorf("error = %v, want %q", err, wantError)
	case changed != wantChange:
		a.Errorf("changed = %v, want %v", changed, wantChange)
	}
}

// TestCertificatesAreRenewed while everything runs, from one authority to the next.
func TestCertificatesAreRenewed(t *testing.T) {
	a := newTLSAgent(t)
	if err := a.reached(); err != nil {
		t.Fatal(err)
	}
	a.look(false, "")
	a.write(a.authority)
	a.look(true, "")
	a.look(false, "")

	// What the agent would not accept is not used.
	two := newAuthority(t, "two")
	a.write(two)
	a.look(false, "the old ones stay in force")
	if err := a.reached(); err != nil {
		t.Error("the old certificates are not in force:", err)
	}

	// The agent is restarted with the new authority: now only the new ones work.
	a.server.Close()
	a.server = serveTLS(t, two)
	a.renewal.transport.current.Load().CloseIdleConnections()
	a.connect()
	if err := a.reached(); err == nil {
		t.Error("the agent was reached with certificates of another authority")
	}
	a.look(true, "")
	if err := a.reached(); err != nil {
		t.Error(err)
	}
}

// TestBadCertificatesAreNotUsed, whatever is wrong with them.
func TestBadCertificatesAreNotUsed(t *testing.T) {
	for name, tt := range map[string]struct {
		files map[string][]byte
		want  string
	}{
		"half of a pair": {map[string][]byte{"key.pem": mustIssue(t, newAuthority(t, "x")).Key}, "private key does not match"},
		"empty":          {map[string][]byte{"ca.pem": nil}, "is empty"},
		"no PEM":         {map[string][]byte{"ca.pem": []byte("hello")}, "use certificates"},
		"too large":      {map[string][]byte{"cert.pem": make([]byte, maxPEMBytes+1)}, "has more than"},
	} {
		t.Run(name, func(t *testing.T) {
			a := newTLSAgent(t)
			if err := pki.Write(a.dir, tt.files); err != nil {
				t.Fatal(err)
			}
			a.look(false, tt.want)
			if err := (Access{TLS: a.renewal.files}).check(); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("a reload would be refused with %v, want %s", err, tt.want)
			}
			if err := a.reached(); err != nil {
				t.Error("the old certificates are not in force:", err)
			}
		})
	}
}

func mustIssue(t *testing.T, authority *pki.Authority) pki.Pair {
	t.Helper()
	pair, err := authority.Issue("x")
	if err != nil {
		t.Fatal(err)
	}
	return pair
}

// TestTLSFiles: a directory of authorities counts where there is no file, a name in the
// certificate can be expected that is not in the address, and every part of it matters.
func TestTLSFiles(t *testing.T) {
	a := newTLSAgent(t)
	files := a.renewal.files
	authorities := t.TempDir()
	if err := pki.Write(authorities, map[string][]byte{"a.pem": newAuthority(t, "x").PEM, "b.pem": a.authority.PEM}); err != nil {
		t.Fatal(err)
	}
	digests := map[[32]byte]bool{}
	for _, tt := range []struct {
		name   string
		change func(*TLSFiles)
		works  bool
	}{
		{"files", func(*TLSFiles) {}, true},
		{"directory", func(f *TLSFiles) { f.CAFile, f.CAPath = "", authorities }, true},
		{"its name", func(f *TLSFiles) { f.ServerName = "server.dc1.consul" }, true},
		{"another name", func(f *TLSFiles) { f.ServerName = "elsewhere" }, false},
		{"another name, not looked at", func(f *TLSFiles) { f.ServerName, f.Insecure = "elsewhere", true }, true},
		{"no certificate", func(f *TLSFiles) { f.CertFile, f.KeyFile = "", "" }, false},
		{"no authority", func(f *TLSFiles) { f.CAFile = "" }, false},
	} {
		f := files
		tt.change(&f)
		m, err := f.read()
		if err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		if digests[m.digest] {
			t.Errorf("%s: it looks like another one before", tt.name)
		}
		digests[m.digest] = true
		way, err := NewTransport(f, func() *http.Transport { return &http.Transport{} })
		if err != nil {
			t.Fatal(err)
		}
		a.renewal.transport = way
		a.connect()
		if err := a.reached(); (err == nil) != tt.works {
			t.Errorf("%s: %v, want it to work: %v", tt.name, err, tt.works)
		}
	}
}
