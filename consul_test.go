package main

import (
	"context"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/hashicorp/consul/api"

	"github.com/k8s-registrar/k8s-registrar/config"
)

// load reads a configuration that was given by flags.
func load(t *testing.T, flags map[string]string) config.Consul {
	t.Helper()
	none := func(string) (string, bool) { return "", false }
	cfg, err := config.Load(config.Sources{Env: none, Flags: flags})
	if err != nil {
		t.Fatal(err)
	}
	return cfg.Consul
}

// The token goes to the Consul agent and to nobody that it may point at.
func TestTokenStaysWithTheAgent(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("another host was asked, with the token %q", r.Header.Get("X-Consul-Token"))
	}))
	defer elsewhere.Close()
	var token string
	agent := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token = r.Header.Get("X-Consul-Token")
		http.Redirect(w, r, elsewhere.URL+r.URL.Path, http.StatusTemporaryRedirect)
	}))
	defer agent.Close()

	consul, err := connect(load(t, map[string]string{"consul.address": agent.URL, "consul.token": "hunter2"}))
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = consul.Client.KV().Get("x", nil)
	if err == nil || !strings.Contains(err.Error(), "redirected to") || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("error = %v", err)
	}
	if token != "hunter2" {
		t.Errorf("the agent got the token %q", token)
	}
}

// The configuration's address wins over the environment's, and no resolver is asked for the
// usual one.
func TestWhichAddress(t *testing.T) {
	ended, end := context.WithCancel(t.Context())
	end() // so that nobody is asked
	for want, row := range map[string]struct{ variable, setting string }{
		"http://127.0.0.1:8500": {},
		"http://10.0.0.1:8501":  {variable: "10.0.0.1:8501"},
		"http://10.0.0.2:8502":  {variable: "10.0.0.1:8501", setting: "10.0.0.2:8502"},
	} {
		t.Setenv(api.HTTPAddrEnvName, row.variable)
		consul, err := connect(load(t, map[string]string{"consul.address": row.setting}))
		if err != nil {
			t.Fatal(err)
		}
		_, _, err = consul.Client.KV().Get("x", (&api.QueryOptions{}).WithContext(ended))
		if err == nil || !strings.Contains(err.Error(), want+"/") {
			t.Errorf("%+v: %v, want a request to %s", row, err, want)
		}
	}
}

// The configuration's token wins over the environment's, and a file over both of the
// environment's.
func TestWhichToken(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "token")
	if err := os.WriteFile(file, []byte("from-file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name       string
		flags, env map[string]string
		want       string
	}{
		{"none", nil, nil, ""},
		{"configuration", map[string]string{"consul.token": "a"}, map[string]string{api.HTTPTokenEnvName: "b"}, "a"},
		{"file", map[string]string{"consul.token_file": file}, map[string]string{api.HTTPTokenEnvName: "b"}, "from-file"},
		{"environment", nil, map[string]string{api.HTTPTokenEnvName: "b"}, "b"},
		{"environment's file", nil, map[string]string{api.HTTPTokenFileEnvName: file}, "from-file"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got string
			agent := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				got = r.Header.Get("X-Consul-Token")
			}))
			defer agent.Close()
			for name, value := range tt.env {
				t.Setenv(name, value)
			}
			flags := map[string]string{"consul.address": agent.URL}
			maps.Copy(flags, tt.flags)
			consul, err := connect(load(t, flags))
			if err != nil {
				t.Fatal(err)
			}
			_, _, _ = consul.Client.KV().List("x", nil) // the answer does not matter
			if got != tt.want {
				t.Errorf("token = %q, want %q", got, tt.want)
			}
		})
	}
}

// TestConnectionsAreKept: those to an agent are counted, 200 for all of the node. Requests
// one after the other share one, and what waits does not open a new one each time.
func TestConnectionsAreKept(t *testing.T) {
	var opened atomic.Int64
	agent := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("[]")) // the client sees what it gets
	}))
	agent.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			opened.Add(1)
		}
	}
	agent.Start()
	defer agent.Close()
	consul, err := connect(load(t, map[string]string{"consul.address": agent.URL}))
	if err != nil {
		t.Fatal(err)
	}
	for range 50 {
		if _, _, err := consul.Client.KV().List("x", (&api.QueryOptions{}).WithContext(t.Context())); err != nil {
			t.Fatal(err)
		}
	}
	if n := opened.Load(); n != 1 {
		t.Errorf("50 requests opened %d connections, want 1", n)
	}
}
