package packages

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/hashicorp/consul/api"

	"github.com/k8s-registrar/k8s-registrar/e2e/needs"
	"github.com/k8s-registrar/k8s-registrar/e2e/rig"
)

// server is a real Prometheus with the rules and the scrape configuration that are
// shipped.
type server struct {
	testing.TB
	address string
}

// startPrometheus has it find its targets through Consul as scrape.yml says. Debian
// builds Prometheus without that, so the test looks into Consul in its place.
func startPrometheus(t *testing.T, consul *api.Client) *server {
	t.Helper()
	program := needs.Program(t, "prometheus", "prometheus")
	dir := t.TempDir()
	write(t, dir+"/prometheus.yml", shortened(t, dir))
	write(t, dir+"/targets.json", discovered(t, consul))
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	p := &server{TB: t, address: listener.Addr().String()}
	must(t, listener.Close())
	cmd := exec.CommandContext(t.Context(), program, "--config.file="+dir+"/prometheus.yml",
		"--storage.tsdb.path="+dir+"/data", "--web.listen-address="+p.address, "--log.level=warn")
	var printed strings.Builder
	cmd.Stdout, cmd.Stderr = &printed, &printed
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	must(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Wait() // it was cancelled
		if t.Failed() {
			t.Log(printed.String())
		}
	})
	return p
}

// shortened is scrape.yml with the rules, with seconds for minutes, and with what was
// found in Consul.
func shortened(t *testing.T, dir string) string {
	t.Helper()
	prometheus, err := filepath.Abs(packaging + "prometheus")
	must(t, err)
	scrape := text(t, packaging+"prometheus/scrape.yml")
	const asked = `    consul_sd_configs:
      - server: 127.0.0.1:8500
        services: [k8s-registrar]
`
	if !strings.Contains(scrape, asked) {
		t.Fatalf("scrape.yml does not ask Consul by\n%s", asked)
	}
	return fmt.Sprintf("global: {scrape_interval: 1s, evaluation_interval: 1s}\nrule_files: [%[1]s/rules.yml, %[1]s/alerts.yml]\n", prometheus) +
		strings.Replace(scrape, asked, fmt.Sprintf("    file_sd_configs: [{files: [%s/targets.json]}]\n", dir), 1)
}

// discovered is what consul_sd makes of the services called k8s-registrar.
func discovered(t *testing.T, consul *api.Client) string {
	t.Helper()
	type group struct {
		Targets []string          `json:"targets"`
		Labels  map[string]string `json:"labels"`
	}
	var groups []group
	eventually(t, func() error {
		found, _, err := consul.Catalog().Service("k8s-registrar", "", nil)
		if err == nil && len(found) == 0 {
			err = errors.New("Consul has no k8s-registrar")
		}
		groups = nil
		for _, s := range found {
			host := s.ServiceAddress
			if host == "" {
				host = s.Address
			}
			groups = append(groups, group{
				Targets: []string{net.JoinHostPort(host, strconv.Itoa(s.ServicePort))},
				Labels:  map[string]string{"__meta_consul_node": s.Node, "__meta_consul_service_metadata_scheme": s.ServiceMeta["scheme"]},
			})
		}
		return err
	})
	targets, err := json.Marshal(groups)
	must(t, err)
	return string(targets)
}

// series is one result of a query.
type series struct {
	Metric map[string]string `json:"metric"`
	Value  [2]any            `json:"value"`
}

// query returns the present results of an expression.
func (p *server) query(ctx context.Context, expression string) ([]series, error) {
	answer, err := fetch(ctx, "http://"+p.address+"/api/v1/query?query="+url.QueryEscape(expression))
	if err != nil {
		return nil, err
	}
	var decoded struct {
		Data struct {
			Result []series `json:"result"`
		} `json:"data"`
	}
	err = json.Unmarshal([]byte(answer), &decoded)
	return decoded.Data.Result, err
}

// finds waits until an expression has a result.
func (p *server) finds(expression string) (found []series) {
	p.Helper()
	eventually(p, func() error {
		var err error
		if found, err = p.query(p.Context(), expression); err == nil && len(found) == 0 {
			err = fmt.Errorf("no result for %s", expression)
		}
		return err
	})
	return found
}

// A real Prometheus scrapes a daemon that announces real services; every panel of the
// dashboard and every rule has something to show, and an alert is on its way when a
// value is bad.
func TestPrometheusSeesTheDaemon(t *testing.T) {
	t.Parallel()
	needs.Program(t, "prometheus", "prometheus")
	n := newNode(t)
	daemon, err := rig.StartRegistrar(t.Context(), rig.RegistrarOptions{
		Binary: binary(t), Consul: n.consul.HTTPAddr(), KeyPath: keyPath,
		Flags: []string{"--reconcile-verify=10s", "--telemetry-announce=k8s-registrar"},
	})
	must(t, err)
	closing(t, daemon.Close)
	n.announced()
	p := startPrometheus(t, n.local)

	up := p.finds(`up{job="k8s-registrar"} == 1`)
	if node := up[0].Metric["node"]; node != n.consul.Name() {
		t.Errorf("the target's node is %q, want %q", node, n.consul.Name())
	}
	for _, q := range dashboardQueries(t) {
		p.finds(q)
	}
	for _, name := range recorded(t) {
		p.finds(name)
	}
	if rules, err := fetch(t.Context(), "http://"+p.address+"/api/v1/rules"); err != nil || strings.Contains(rules, `"health":"err"`) {
		t.Errorf("rules: %v\n%s", err, rules)
	}
	if firing, err := p.query(t.Context(), "ALERTS"); err != nil || len(firing) > 0 {
		t.Errorf("alerts of a healthy node: %v %v", firing, err)
	}

	must(t, n.tree.PutRaw(t.Context(), "shop", "broken", []byte("not json")))
	alerts := p.finds(`ALERTS{alertname="K8sRegistrarBadValues"}`)
	if state := alerts[0].Metric["alertstate"]; state != "pending" { // it waits a quarter of an hour
		t.Errorf("the alert is %s", state)
	}
}
