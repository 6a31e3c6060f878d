package agent

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/k8s-registrar/k8s-registrar/config"
	"github.com/k8s-registrar/k8s-registrar/register"
	"github.com/k8s-registrar/k8s-registrar/register/consultest"
)

// fresh lets the agent read a changed configuration, and waits for what comes of it.
func (r *rig) fresh(change func(*config.Config, *Access)) error {
	r.Helper()
	cfg, access := r.agent.reloader.config, r.agent.reloader.access
	change(&cfg, &access)
	r.agent.reloader.load = func() (config.Config, Access, error) { return cfg, access, nil }
	err := r.agent.reloader.ask(r.Context())
	r.after(5 * time.Second)
	return err
}

func (r *rig) gauge(name string) float64 {
	r.Helper()
	families, err := r.agent.registry.Gather()
	if err != nil {
		r.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			return f.GetMetric()[0].GetGauge().GetValue()
		}
	}
	r.Fatalf("there is no metric %s", name)
	return 0
}

// writes counts the registrations and deregistrations so far.
func writes(c *consultest.Consul) int { return len(c.Writes()) }

// TestReload changes what may change, and sees that only the difference is written.
func TestReload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := consultest.New()
		fill(c, 3)
		r := start(t, c)
		r.after(time.Minute)
		before := writes(c)
		began := time.Now()

		if err := r.fresh(func(*config.Config, *Access) {}); err != nil {
			t.Fatal(err)
		}
		if err := r.fresh(func(cfg *config.Config, _ *Access) { cfg.Guard.Min, cfg.Log.Level = 0, "debug" }); err != nil {
			t.Fatal(err)
		}
		if n := writes(c) - before; n != 0 {
			t.Errorf("%d writes for a configuration that makes no difference to a service", n)
		}
		if !strings.Contains(r.log.String(), `guard.min: \"10\" -> \"0\", log.level: \"info\" -> \"debug\"`) {
			t.Errorf("the log does not say what changed:\n%s", r.log)
		}
		if !r.agent.log.IsDebug() || !r.agent.log.Named("x").IsDebug() {
			t.Error("the level of the log did not change")
		}

		if err := r.fresh(func(cfg *config.Config, _ *Access) { cfg.Check.Interval = 20 * time.Second }); err != nil {
			t.Fatal(err)
		}
		if n := writes(c) - before; n != 3 {
			t.Errorf("%d writes for another interval of 3 checks", n)
		}
		r.announces("s000:30000", "s001:30001", "s002:30002")
		if s := r.status(); !s.Config.Loaded.After(began) || s.Config.Error != "" {
			t.Errorf("status: %+v", s.Config)
		}
		if got := r.gauge("k8s_registrar_config_last_reload_success_timestamp_seconds"); got <= float64(began.Unix()) {
			t.Errorf("the time of the last reload is %v", got)
		}
	})
}

// TestReloadIsRefused: one mistake, and nothing of the new configuration is used.
func TestReloadIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := consultest.New()
		fill(c, 3)
		r := start(t, c)
		r.after(time.Minute)
		before := writes(c)
		missing := filepath.Join(t.TempDir(), "missing")
		err := r.fresh(func(cfg *config.Config, access *Access) {
			cfg.Instance, cfg.KeyPath = "blue", "other"
			cfg.Check.Interval = 20 * time.Second
			cfg.Telemetry.WebConfigFile = missing
			access.TokenFile, access.TLS.CAFile = missing, missing
		})
		if err == nil {
			t.Fatal("it was taken over")
		}
		for _, want := range []string{
			`key_path: it is "kubernetes" and cannot become "other" without a restart`, `instance: it is "default"`,
			"telemetry.web_config_file: it is", "read token file: open " + missing, "read certificates: open " + missing,
			"telemetry.web_config_file: read " + missing,
		} {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("the error does not say %q:\n%v", want, err)
			}
		}
		if n := r.log.count("is refused, the old one stays in force"); n != 6 {
			t.Errorf("%d lines in the log for 6 mistakes:\n%s", n, r.log)
		}
		if r.gauge("k8s_registrar_config_last_reload_successful") != 0 || r.status().Config.Error == "" {
			t.Error("metrics and status do not tell")
		}
		r.after(2 * time.Minute)
		r.ready(true)
		if n := writes(c) - before; n != 0 {
			t.Errorf("%d writes with a configuration that was refused", n)
		}
		// It is still compared with the old one, and mended.
		if err := r.fresh(func(cfg *config.Config, _ *Access) { *cfg = r.agent.config }); err != nil {
			t.Error(err)
		}
		if r.gauge("k8s_registrar_config_last_reload_successful") != 1 || r.status().Config.Error != "" {
			t.Error("metrics and status still tell of the mistake")
		}
		// What cannot be loaded at all says so too.
		r.agent.reloader.load = func() (config.Config, Access, error) { return config.Config{}, Access{}, errors.New("line 1\nline 2") }
		r.agent.Reload()
		r.after(time.Second)
		if r.log.count(`error="line 2"`) != 1 {
			t.Errorf("the mistakes are not logged one by one:\n%s", r.log)
		}
	})
}

// TestReloadTakesAnotherToken from the configuration to a file.
func TestReloadTakesAnotherToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := consultest.New()
		c.DenyByDefault()
		c.Grant("first", rights)
		c.Grant("second", rights)
		fill(c, 3)
		token := NewToken("first")
		r := startWith(t, c, token)
		r.after(time.Minute)
		r.announces("s000:30000", "s001:30001", "s002:30002")
		path := filepath.Join(t.TempDir(), "token")
		if err := os.WriteFile(path, []byte("second"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := r.fresh(func(_ *config.Config, access *Access) { *access = Access{TokenFile: path} }); err != nil {
			t.Fatal(err)
		}
		if got := *token.secret.Load(); got != "second" {
			t.Errorf("the token in force is %q", got)
		}
		err := r.fresh(func(_ *config.Config, access *Access) { *access = Access{} })
		if err == nil || !strings.Contains(err.Error(), "cannot be taken away") {
			t.Errorf("anonymous from one moment to the next: %v", err)
		}
		if strings.Contains(r.log.String(), "second") {
			t.Error("the token is in the log")
		}
	})
}

// TestEverySettingIsAdopted changes each setting that may change while the daemon runs:
// something in the loop has to differ, or else it needs a restart.
func TestEverySettingIsAdopted(t *testing.T) {
	// Read from the configuration whenever they are needed, or handled by the reloader.
	direct := []string{
		"on_stop", "node.address", "node.interface", "log.level", "consul.token", "consul.token_file", "consul.ca_file", "consul.cert_file",
		"consul.key_file", "consul.tls_server_name", "telemetry.announce", "spread.hold", "spread.settle",
	}
	texts := []string{"true", "3", "17s", "100ms", "17m", "warn", "json", "passing", "10.0.0.9", "127.0.0.1:1", "x", "/x", "maintenance", "LoadBalancer", "all", "x-{name}", "a=b", "v3", "false", "v1-freeze=warn"}
	for i, s := range new(config.Config).Settings() {
		old := config.Default()
		changed := old
		setting := changed.Settings()[i]
		accepted := slices.IndexFunc(texts, func(text string) bool {
			return setting.Set(text) == nil && setting.String() != old.Settings()[i].String()
		})
		switch {
		case accepted < 0:
			t.Errorf("%s: this test has no value for it", s.Name)
			continue
		case config.NeedRestart(old, changed) != nil, slices.Contains(direct, s.Name):
			continue
		}
		l := &loop{reconciler: newReconciler(old, register.NewLocal(nil, register.Owner{}), nil), board: newBoard(old)}
		l.adopt(old)
		before := adopted(l)
		if l.adopt(changed); adopted(l) == before {
			t.Errorf("%s: a reload makes no difference, and it is not said to need a restart", s.Name)
		}
	}
}

// adopted shows all that a configuration decides in the loop, but the configuration.
func adopted(l *loop) string {
	r := l.reconciler
	return fmt.Sprintf("%+v %+v %d %v %v", r.mapping, r.guard.budget, r.local.Workers, l.resync, l.verifier.every)
}

func TestReloadOverHTTP(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := consultest.New()
		r := start(t, c)
		var fails error
		r.agent.ReloadFrom(func() (config.Config, Access, error) { return r.agent.config, Access{}, fails })
		post := func(reload bool, header ...string) (int, string) {
			w := httptest.NewRecorder()
			request := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/-/reload", nil)
			if len(header) > 0 {
				request.Header.Set(header[0], header[1])
			}
			ask := r.agent.reloader.ask
			if !reload {
				ask = nil
			}
			handler(r.agent.board, r.agent.registry, ask).ServeHTTP(w, request)
			return w.Code, w.Body.String()
		}
		if code, body := post(false); code != http.StatusForbidden || !strings.Contains(body, "telemetry.reload is off") {
			t.Errorf("off: %d %s", code, body)
		}
		if code, body := post(true); code != http.StatusOK {
			t.Errorf("on: %d %s", code, body)
		}
		if code, _ := post(true, "Sec-Fetch-Site", "cross-site"); code != http.StatusForbidden {
			t.Errorf("from a page elsewhere: %d", code)
		}
		fails = errors.New("line 7 is wrong")
		if code, body := post(true); code != http.StatusInternalServerError || !strings.Contains(body, "line 7") {
			t.Errorf("with a mistake: %d %s", code, body)
		}
	})
}
