package measure

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/k8s-registrar/k8s-registrar/kvschema"
)

// TestValue reads a value as the product does: what is measured has to be a service.
func TestValue(t *testing.T) {
	s := Service{Namespace: "team-01", Name: "shop", Port: 30017, Version: 3}
	reading, ours := kvschema.NewReader(kvschema.Prefix("k"), kvschema.Rules{}).Read(kvschema.Pair{Key: s.Key("k"), Value: s.Value()}, nil)
	if !ours || reading.Err() != nil {
		t.Fatalf("it is read as %+v", reading)
	}
	if got, ok := reading.Service(); !ok || got.Name != s.Name || !slices.Equal(got.TagsOf(0), s.Tags()) {
		t.Errorf("it is read as %+v, want tags %q", got, s.Tags())
	}
	if n := len(s.Value()); n < 1900 || n > 2300 {
		t.Errorf("it has %d bytes, want about 2 KB", n)
	}
}

func TestQuantile(t *testing.T) {
	var all Times
	for i := range 200 {
		all = append(all, time.Duration(200-i))
	}
	for q, want := range map[float64]time.Duration{0.5: 100, 0.9: 180, 0.99: 198, 1: 200, 0: 1} {
		if got := all.Quantile(q); got != want {
			t.Errorf("quantile %v is %d, want %d", q, got, want)
		}
	}
	if got := all.Over(150); got != 50 {
		t.Errorf("%d are over 150, want 50", got)
	}
	if got := (Times)(nil).Quantile(0.5); got != 0 {
		t.Errorf("the median of nothing is %d", got)
	}
}

// TestCPU burns time that it knows of.
func TestCPU(t *testing.T) {
	before, err := CPU(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	for begun := time.Now(); time.Since(begun) < 50*time.Millisecond; {
		_ = json.Valid([]byte(value))
	}
	after, err := CPU(os.Getpid())
	if err != nil || after <= before {
		t.Errorf("it was %v before and %v after, error %v", before, after, err)
	}
	if peak, err := PeakMemory(os.Getpid()); err != nil || peak < 1<<20 {
		t.Errorf("the peak is %d bytes, error %v", peak, err)
	}
}

func TestMeter(t *testing.T) {
	body := strings.Repeat("x", 100_000)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) }))
	defer server.Close()
	m, err := NewMeter(server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	for range 2 {
		response, err := http.Get("http://" + m.Address())
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(response.Body)
		if err != nil || string(got) != body {
			t.Fatalf("%d bytes arrived, error %v", len(got), err)
		}
		response.Body.Close()
	}
	if got := m.Received(); got < 200_000 || got > 201_000 {
		t.Errorf("%d bytes were counted, want 200000 and some headers", got)
	}
}

func TestWriteSection(t *testing.T) {
	path := filepath.Join(t.TempDir(), "doc.md")
	write := func(text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("a\n<!-- begin n -->\nold\n<!-- end n -->\nb\n")
	if err := WriteSection(path, "n", "new\n"); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(path)
	if want := "a\n<!-- begin n -->\n\nnew\n\n<!-- end n -->\nb\n"; err != nil || string(got) != want {
		t.Errorf("got %q, error %v, want %q", got, err, want)
	}
	write("nothing is marked\n")
	if err := WriteSection(path, "n", "new"); err == nil {
		t.Error("a document without marks was overwritten")
	}
}

// TestPlot looks whether every point lies inside of the axes, and whether it is XML.
func TestPlot(t *testing.T) {
	p := Plot{Title: "a < b", X: "x", Y: "y", Lines: []Line{
		{"one", [][2]float64{{20, 7.3}, {80, 8}, {2768, 40}}},
		{"two & three", [][2]float64{{20, 0}, {1000, 1999}}},
	}}
	x, y := p.scale(0, plotLeft, plotRight), p.scale(1, plotBottom, plotTop)
	if x.low != 20 || x.high != 5000 || y.low != 5 || y.high != 2000 {
		t.Errorf("the axes go from %v to %v and from %v to %v", x.low, x.high, y.low, y.high)
	}
	svg := p.SVG()
	if got := strings.Count(svg, "<circle"); got != 4 {
		t.Errorf("%d points are drawn, want 4: 0 has no place on a logarithmic axis", got)
	}
	if strings.Contains(svg, "a < b") || !strings.Contains(svg, "two &amp; three") {
		t.Error("texts are not escaped")
	}
}
