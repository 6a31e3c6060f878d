package rig

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hashicorp/consul/api"
)

func TestProxy(t *testing.T) {
	target := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, `{"a":"`+strings.Repeat("x", 1000)+`"}`)
	}))
	defer target.Close()
	p, err := NewProxy(strings.TrimPrefix(target.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	client := &http.Client{Timeout: 500 * time.Millisecond, Transport: &http.Transport{}}
	get := func() (int, string, error) {
		response, err := client.Get("http://" + p.Address() + "/v1/kv/a")
		if err != nil {
			return 0, "", err
		}
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		return response.StatusCode, string(body), err
	}
	for _, c := range []struct {
		name  string
		fault Fault
		wire  WireFault
		want  func(code int, body string, err error) bool
	}{
		{"pass", Fault{}, WireFault{}, func(code int, body string, err error) bool { return code == 200 && len(body) == 1008 && err == nil }},
		{"another path", Fault{Kind: FaultHang, Match: OnPath("/v1/agent")}, WireFault{}, func(code int, _ string, err error) bool { return code == 200 && err == nil }},
		{"status", Fault{Kind: FaultStatus, Code: 429}, WireFault{}, func(code int, _ string, err error) bool { return code == 429 && err == nil }},
		{"delay", Fault{Kind: FaultDelay, Delay: time.Hour}, WireFault{}, func(_ int, _ string, err error) bool { return err != nil }},
		{"hang", Fault{Kind: FaultHang}, WireFault{}, func(_ int, _ string, err error) bool { return err != nil }},
		{"cut", Fault{Kind: FaultCut}, WireFault{}, func(code int, body string, err error) bool {
			return code == 200 && len(body) == 504 && errors.Is(err, io.ErrUnexpectedEOF)
		}},
		{"garble", Fault{Kind: FaultGarble}, WireFault{}, func(code int, body string, err error) bool {
			return code == 200 && strings.Contains(body, "<html>") && err == nil
		}},
		{"empty", Fault{Kind: FaultEmpty}, WireFault{}, func(code int, body string, err error) bool { return code == 200 && body == "" && err == nil }},
		{"refuse", Fault{}, WireFault{Refuse: true}, func(_ int, _ string, err error) bool { return errors.Is(err, syscall.ECONNREFUSED) }},
		{"reset", Fault{}, WireFault{Reset: true}, func(_ int, _ string, err error) bool { return errors.Is(err, syscall.ECONNRESET) }},
		{"stall", Fault{}, WireFault{Stall: true}, func(_ int, _ string, err error) bool { return err != nil }},
		{"latency", Fault{}, WireFault{Latency: 50 * time.Millisecond}, func(code int, _ string, err error) bool { return code == 200 && err == nil }},
		{"rate", Fault{}, WireFault{Rate: 100}, func(_ int, _ string, err error) bool { return err != nil }},
		{"pass again", Fault{}, WireFault{}, func(code int, body string, err error) bool { return code == 200 && len(body) == 1008 && err == nil }},
	} {
		p.Set(c.fault)
		if err := p.SetWire(c.wire); err != nil {
			t.Fatal(err)
		}
		if code, body, err := get(); !c.want(code, body, err) {
			t.Errorf("%s: code %d, %d bytes, error %v", c.name, code, len(body), err)
		}
	}
}

// TestCount feeds looks into an observer by hand: each holds until the next.
func TestCount(t *testing.T) {
	a := Service{Namespace: "n", Name: "a", Port: 1, Tags: []string{"t"}}
	id := a.ID("i")
	whole := func(port int) sight {
		return sight{known: true, serf: "passing", status: map[string]string{id: "passing"},
			services: map[string]*api.AgentService{id: {ID: id, Port: port, Tags: a.Tags}}}
	}
	o := &Observer{instance: "i", report: newReport(), at: time.Now()}
	step := func(next sight) {
		o.look(next)
		o.at = o.at.Add(-time.Second) // one second passes
	}
	step(whole(1))
	o.ExpectServices(a)
	o.at, o.report = time.Now(), newReport()
	for _, s := range []sight{whole(1), {known: true}, whole(2), {}, whole(1)} {
		step(s)
	}
	o.Excuse("not ours", 0)
	o.report.Excused = map[string]time.Duration{}
	step(sight{known: true})
	step(whole(1))
	r := o.Report()
	for _, c := range []struct {
		what      string
		got, want time.Duration
	}{
		{"missing", r.Missing, time.Second},
		{"wrong", r.Wrong, 0}, // the second that followed was not observed
		{"unobserved", r.Unobserved, 2 * time.Second},
		{"excused", r.Excused["not ours"], time.Second},
	} {
		if d := c.got - c.want; d < -100*time.Millisecond || d > 100*time.Millisecond {
			t.Errorf("%s: %s, want %s", c.what, c.got, c.want)
		}
	}
}
