package agent

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"image"
	"image/color"
	_ "image/png"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/k8s-registrar/k8s-registrar/e2e/needs"
)

// sample is a node on a bad day.
func sample(now time.Time) Status {
	s := Status{
		Version: "1.0.0", Instance: "default", Node: "worker-17", Address: "10.20.0.17",
		Time: now, Started: now.Add(-11 * 24 * time.Hour), Ready: true, Desired: 13,
		Watch:     WatchStatus{Tree: "kubernetes/deployments/", Known: true, Index: 184223, LastSuccess: now.Add(-3 * time.Second)},
		Reconcile: ReconcileStatus{Last: now.Add(-12 * time.Second), LastSuccess: now.Add(-12 * time.Second), Took: "4.21ms"},
		Catalog:   CatalogStatus{Verified: now.Add(-130 * time.Second)},
		Config:    ConfigStatus{Loaded: now.Add(-26 * time.Hour)},
		Problems: []ProblemStatus{
			{Key: "kubernetes/deployments/billing/invoice-render", Error: `the value is not JSON: line 14, column 7: invalid character '}' looking for beginning of object key string`, Since: now.Add(-41 * time.Minute)},
			{Key: "kubernetes/deployments/staging/web", Error: `the name "web" belongs to kubernetes/deployments/shop/web, which is older: rename one of the two Services`, Since: now.Add(-9 * 24 * time.Hour)},
			{Key: "kubernetes/deployments/geo/tiles", Error: `it has no rule for Traefik 2 and 3, which give it their default rule: write traefik.frontend.rule, or traefik.enable: "false" (default-route)`, Since: now.Add(-5 * time.Hour), Warning: true},
		},
		Waiting: []Waiting{{
			Hash: "9f3a61c07be2", Why: "3 of 16 services would be removed: guard.min and guard.percent do not allow that many within 10m0s",
			Keys: []string{"kubernetes/deployments/legacy/fax-gateway", "kubernetes/deployments/legacy/soap-bridge", "kubernetes/deployments/legacy/telex"},
		}},
		Changes: []ChangeStatus{
			{Time: now.Add(-64 * time.Second), Action: "update", Name: "cart", What: "port: 30080 -> 30090; tag: + canary"},
			{Time: now.Add(-22 * time.Minute), Action: "add", Name: "search-suggest"},
			{Time: now.Add(-3 * time.Hour), Action: "remove", Name: "banner"},
		},
		Errors: []ErrorStatus{
			{First: now.Add(-2 * time.Hour), Last: now.Add(-100 * time.Minute), Count: 41, What: "watch", Error: `watch kubernetes/deployments/: Get "http://127.0.0.1:8500/v1/kv/kubernetes/deployments/": dial tcp 127.0.0.1:8500: connect: connection refused`},
			{First: now.Add(-5 * 24 * time.Hour), Last: now.Add(-5 * 24 * time.Hour), Count: 1, What: "change of k8s-registrar-default.shop.cart.http", Error: "register service: Unexpected response code: 500 (rpc error making call: No cluster leader)"},
		},
	}
	names := []string{"shop/cart", "shop/checkout", "shop/web", "shop/search", "shop/search-suggest", "shop/recommend", "billing/ledger", "billing/invoice-mail", "auth/login", "auth/oidc-provider", "media/thumbnailer", "media/upload", "geo/tiles", "legacy/fax-gateway", "legacy/soap-bridge", "legacy/telex"}
	for i, name := range names {
		namespace, base, _ := strings.Cut(name, "/")
		service := ServiceStatus{
			ID: "k8s-registrar-default." + namespace + "." + base + ".http", Name: base, Key: s.Watch.Tree + name, Port: 30080 + 7*i, Check: "passing",
			Tags: []string{"kubernetes", "traefik.enable=true", "traefik.frontend.rule=Host:" + base + ".example.com"},
		}
		if i%5 == 0 {
			service.Changed = now.Add(-time.Duration(i*i+1) * 64 * time.Second)
		}
		s.Services = append(s.Services, service)
	}
	s.Services[7].Check, s.Services[7].Output = "critical", "dial tcp 10.20.0.17:30129: connect: connection refused"
	s.Services[12].Check, s.Services[12].Tags = "", nil
	return s
}

func show(t *testing.T, s Status, target string) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	p := newPage(func(time.Time) Status { return s })
	p.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, target, nil))
	if w.Code != http.StatusOK {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	return w
}

// TestPageTellsWhatMatters, and the worst of it first.
func TestPageTellsWhatMatters(t *testing.T) {
	body := show(t, sample(time.Now()), "/").Body.String()
	last := 0
	for _, want := range []string{
		"worker-17", "10.20.0.17", "Ready", "3 removals waiting", "heard 3 s ago", "Needs attention", "3 removals wait", "legacy/telex",
		"k8s-registrar approve 9f3a61c07be2", "billing/invoice-render", "line 14", "Warnings", "geo/tiles", "their default rule", "invoice-mail", "connection refused",
		"not checked yet", "cart", "30080", "traefik.frontend.rule=Host:cart.example.com", "64 s ago", "Last changes", "port: 30080 -&gt; 30090",
		"Last errors", "41 times", "running for 11 days",
	} {
		at := strings.Index(body[last:], want)
		if at < 0 {
			t.Errorf("%q is not on the page, or not after what comes before it", want)
			continue
		}
		last += at
	}
	bad := sample(time.Now())
	bad.Ready, bad.NotReady, bad.Config.Error = false, []string{"nobody answers"}, "line 3"
	body = show(t, bad, "/").Body.String()
	for _, want := range []string{"Not ready", "nobody answers", "The new configuration is refused", "line 3"} {
		if !strings.Contains(body, want) {
			t.Errorf("%q is not on the page", want)
		}
	}
}

// TestPageOfMaintenance says why the node is out, and how it comes back.
func TestPageOfMaintenance(t *testing.T) {
	s := sample(time.Now())
	s.Maintenance = &MaintenanceStatus{Since: s.Time.Add(-5 * time.Minute), Reason: "new kernel"}
	s.Services[3].Check, s.Services[3].Output = "maintenance", "k8s-registrar maintenance: new kernel"
	body := show(t, s, "/").Body.String()
	for _, want := range []string{"In maintenance", "in maintenance for 5 min: new kernel", "k8s-registrar maintenance off", `<span class="dot warn">in maintenance</span>`} {
		if !strings.Contains(body, want) {
			t.Errorf("%q is not on the page", want)
		}
	}
}

// TestPageOfABacklog says how much is to go, and else says nothing of it.
func TestPageOfABacklog(t *testing.T) {
	s := sample(time.Now())
	if body := show(t, s, "/").Body.String(); strings.Contains(body, "to go") {
		t.Error("there is no backlog")
	}
	s.Desired, s.Backlog = 2768, 2128
	body := show(t, s, "/").Body.String()
	for _, want := range []string{"2128 changes to go; 16 services announced of 2768", "<dt>Backlog</dt><dd>2128 <small>to go</small>"} {
		if !strings.Contains(body, want) {
			t.Errorf("%q is not on the page", want)
		}
	}
}

// TestPageOfNothing is what the first second looks like.
func TestPageOfNothing(t *testing.T) {
	body := show(t, Status{NotReady: []string{"the tree is not known yet"}}, "/?refresh=1").Body.String()
	for _, want := range []string{"the tree is not known yet", "None is announced", `content="2"`} {
		if !strings.Contains(body, want) {
			t.Errorf("%q is not on the page:\n%s", want, body)
		}
	}
}

// TestPageEscapes whatever a key, a tag or an error holds.
func TestPageEscapes(t *testing.T) {
	const evil = `</style><script>alert(1)</script><img src=x onerror=alert(1)>" onclick="x`
	s := Status{
		Node: evil, Address: evil, Instance: evil, Version: evil, NotReady: []string{evil},
		Watch:    WatchStatus{Tree: evil, Error: evil},
		Services: []ServiceStatus{{ID: evil, Name: evil, Key: evil, Tags: []string{evil}, Check: evil, Output: evil}},
		Problems: []ProblemStatus{{Key: evil, ID: evil, Error: evil}, {ID: evil}, {Key: evil, Error: evil, Warning: true}},
		Waiting:  []Waiting{{Hash: evil, Why: evil, Keys: []string{evil}}},
		Changes:  []ChangeStatus{{Action: evil, Name: evil, What: evil}},
		Errors:   []ErrorStatus{{What: evil, Error: evil, Count: 2}},
		Config:   ConfigStatus{Error: evil}, Maintenance: &MaintenanceStatus{Reason: evil}, Token: TokenStatus{Error: evil}, TLS: FilesStatus{Error: evil}, Catalog: CatalogStatus{Error: evil},
	}
	w := show(t, s, "/?refresh=%22%3E%3Cscript%3E")
	body := w.Body.String()
	for _, bad := range []string{"<script", "<img", `" onclick`} {
		if strings.Contains(body, bad) {
			t.Errorf("%q is in the page", bad)
		}
	}
	if strings.Count(body, "<style>") != 1 || strings.Count(body, "</style>") != 1 {
		t.Error("there is more than one style, or an end of it too many")
	}
	_, rest, _ := strings.Cut(body, "<style>")
	style, _, _ := strings.Cut(rest, "</style>")
	sum := sha256.Sum256([]byte(style))
	policy := w.Header().Get("Content-Security-Policy")
	for _, want := range []string{"default-src 'none'", "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'", "frame-ancestors 'none'"} {
		if !strings.Contains(policy, want) {
			t.Errorf("the policy %s has no %s", policy, want)
		}
	}
}

// TestPageIsBounded: ten thousand services do not make a page that no phone can show.
func TestPageIsBounded(t *testing.T) {
	s := Status{Services: make([]ServiceStatus, 10000), Problems: make([]ProblemStatus, 10000)}
	for i := range s.Services {
		s.Services[i] = ServiceStatus{Key: fmt.Sprint(i), Check: "passing"}
	}
	for i := range 3000 {
		s.Problems[i].Warning = true
	}
	body := show(t, s, "/").Body.String()
	if !strings.Contains(body, "and 7000 more") || !strings.Contains(body, "and 6800 more") || !strings.Contains(body, "and 2800 more") || len(body) > 2<<20 {
		t.Errorf("a page of %d bytes that does not say what it leaves out", len(body))
	}
}

func TestAge(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Second: "0 s", 0: "0 s", 119 * time.Second: "119 s", 2 * time.Minute: "2 min", 119 * time.Minute: "119 min",
		2 * time.Hour: "2 h", 47 * time.Hour: "47 h", 49 * time.Hour: "2 days",
	} {
		if got := age(d); got != want {
			t.Errorf("%s: %q, want %q", d, got, want)
		}
	}
}

// TestPageInABrowser looks at the page as people do. What it saw is in bin/page.
func TestPageInABrowser(t *testing.T) {
	chromium := needs.Program(t, "chromium", "chromium")
	server := httptest.NewServer(newPage(sample))
	defer server.Close()
	dir, err := filepath.Abs("../bin/page")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, size, scheme string
		ground             color.NRGBA
	}{
		{"desktop-light", "1280,1000", "1", color.NRGBA{0xfb, 0xfb, 0xf9, 0xff}},
		{"desktop-dark", "1280,1000", "0", color.NRGBA{0x15, 0x17, 0x1a, 0xff}},
		{"readme", "1120,1000", "1", color.NRGBA{0xfb, 0xfb, 0xf9, 0xff}}, // docs/page.png
		{"phone-light", "390,2400", "1", color.NRGBA{0xfb, 0xfb, 0xf9, 0xff}},
		{"phone-dark", "390,2400", "0", color.NRGBA{0x15, 0x17, 0x1a, 0xff}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			file := filepath.Join(dir, tt.name+".png")
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
			defer cancel()
			output, err := exec.CommandContext(ctx, chromium, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
				"--disable-background-networking", "--disable-component-update", "--disable-sync", "--user-data-dir="+t.TempDir(),
				"--hide-scrollbars", "--blink-settings=preferredColorScheme="+tt.scheme, "--window-size="+tt.size,
				"--screenshot="+file, server.URL).CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%s", err, output)
			}
			seen := decode(t, file)
			// The style is applied, so the policy lets it in; and it is the right one.
			if got := color.NRGBAModel.Convert(seen.At(2, 2)); got != tt.ground {
				t.Errorf("the ground is %v, want %v", got, tt.ground)
			}
			if !drawn(seen) {
				t.Error("the page is empty")
			}
		})
	}
}

func decode(t *testing.T, path string) image.Image {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	seen, _, err := image.Decode(file)
	if err != nil {
		t.Fatal(err)
	}
	return seen
}

// drawn tells whether there is anything on the ground.
func drawn(seen image.Image) bool {
	for x := range 300 {
		if seen.At(x, 50) != seen.At(2, 2) {
			return true
		}
	}
	return false
}
