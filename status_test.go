package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/k8s-registrar/k8s-registrar/agent"
)

// TestStatusIsWatched until it is interrupted; the exit code is that of what was seen last.
func TestStatusIsWatched(t *testing.T) {
	for name, tt := range map[string]struct {
		answers []int // 0: nothing is answered, 1: ready, 2: not ready
		want    int
	}{
		"gets ready":   {[]int{0, 2, 1}, exitOK},
		"gets unready": {[]int{1, 1, 2}, exitRuntime},
		"goes away":    {[]int{1, 2, 0}, exitUnreachable},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, interrupt := context.WithCancel(t.Context())
			defer interrupt()
			asked := 0
			daemon := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				if asked == len(tt.answers) {
					interrupt() // while the next answer is waited for
					return
				}
				answer := tt.answers[asked]
				asked++
				if answer == 0 {
					panic(http.ErrAbortHandler)
				}
				json.NewEncoder(w).Encode(agent.Status{Node: "n", Ready: answer == 1}) //nolint:errcheck // the client notices
			}))
			defer daemon.Close()
			var out, errs bytes.Buffer
			code := run(ctx, []string{"k8s-registrar", "status", "--watch", "--every", "100ms", "--url", daemon.URL}, &out, &errs)
			shown := strings.Count(out.String(), "instance")
			unanswered := strings.Count(errs.String(), "error: ask the daemon")
			if code != tt.want || shown+unanswered != 3 || strings.Contains(out.String(), "\x1b") {
				t.Errorf("exit code %d, want %d, and three lines of the story in\n%s%s", code, tt.want, &out, &errs)
			}
		})
	}
}

// TestDaemonIsFound where it listens, without a resolver.
func TestDaemonIsFound(t *testing.T) {
	for listen, want := range map[string]string{
		":28500": "http://127.0.0.1:28500", "0.0.0.0:1": "http://127.0.0.1:1", "[::]:1": "http://127.0.0.1:1",
		"[::1]:1": "http://[::1]:1", "10.0.0.9:1": "http://10.0.0.9:1", "": "",
	} {
		if got, err := localURL(listen, false); got != want || (err == nil) != (want != "") {
			t.Errorf("%q is asked at %q (%v), want %q", listen, got, err, want)
		}
	}
}

// TestStatusTellsOfABacklog while there is one.
func TestStatusTellsOfABacklog(t *testing.T) {
	for backlog, want := range map[int]string{2128: "\nbacklog        2128 changes to go, 2768 services in all\n", 1: "\nbacklog        1 change to go, 2768 services in all\n", 0: ""} {
		var text strings.Builder
		writeStatus(&text, agent.Status{Desired: 2768, Backlog: backlog}, false)
		if !strings.Contains(text.String(), want) || strings.Contains(text.String(), "backlog") != (want != "") {
			t.Errorf("a backlog of %d:\n%s", backlog, &text)
		}
	}
}

// TestStatusTable: what comes from outside cannot drive a terminal, and columns stay
// straight in colour too.
func TestStatusTable(t *testing.T) {
	now := time.Now()
	const evil = "a\x1b[2J\r\n\u009bb"
	s := agent.Status{
		Node: evil, Address: evil, Instance: evil, Time: now, Started: now.Add(-time.Hour), NotReady: []string{evil},
		Watch: agent.WatchStatus{Tree: "t/"},
		Services: []agent.ServiceStatus{
			{Name: "web", Key: "t/shop/web", Port: 30080, Check: "passing", Tags: []string{evil}},
			{Name: "long-name", Key: "t/shop/long-name", Port: 80, Check: "critical"},
			{Name: "new", Key: "t/shop/new", Port: 30081},
		},
		Problems: []agent.ProblemStatus{{Key: evil, Error: evil}, {Key: "shop/odd" + evil, Error: evil, Warning: true}},
		Waiting:  []agent.Waiting{{Hash: evil, Why: evil, Keys: []string{evil}}},
		Errors:   []agent.ErrorStatus{{What: evil, Error: evil}},
		Catalog:  agent.CatalogStatus{Diverging: 2, Error: evil},
	}
	var text strings.Builder
	writeStatus(&text, s, false)
	if strings.ContainsAny(text.String(), "\x1b\r\u009b") {
		t.Errorf("it can drive a terminal: %q", &text)
	}
	_, table, _ := strings.Cut(text.String(), "SERVICE")
	want := `    FROM            PORT   CHECK     CHANGED   TAGS
long-name  shop/long-name  80     critical  > 60 min  
new        shop/new        30081  not yet   > 60 min  
web        shop/web        30080  passing   > 60 min  `
	if !strings.HasPrefix(table, want) {
		t.Errorf("got\n%s\nwant\n%s", table, want)
	}

	var coloured strings.Builder
	writeStatus(&coloured, s, true)
	naked := coloured.String()
	for _, code := range []string{red, green, yellow, plain, reset} {
		naked = strings.ReplaceAll(naked, code, "")
	}
	if _, got, _ := strings.Cut(naked, "SERVICE"); !strings.HasPrefix(got, want) {
		t.Errorf("in colour\n%s\nwant\n%s", got, want)
	}
	if !strings.Contains(coloured.String(), red+"not ready"+reset) || !strings.Contains(coloured.String(), red+"critical"+reset) ||
		!strings.Contains(coloured.String(), yellow+"! warning: shop/odd") {
		t.Errorf("trouble is not red, or a warning not yellow:\n%q", &coloured)
	}
}
