package packages

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/consul/api"
	"github.com/hashicorp/go-hclog"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/k8s-registrar/k8s-registrar/agent"
	"github.com/k8s-registrar/k8s-registrar/config"
	"github.com/k8s-registrar/k8s-registrar/e2e/needs"
)

// The rules are valid, and each alert fires when it should and only then.
func TestPromtool(t *testing.T) {
	t.Parallel()
	promtool := needs.Program(t, "promtool", "prometheus")
	rules, alerts := packaging+"prometheus/rules.yml", packaging+"prometheus/alerts.yml"
	output(t, promtool, "check", "rules", "--lint=all", "--lint-fatal", rules, alerts)
	output(t, promtool, "test", "rules", packaging+"prometheus/testdata/alerts.yml")
}

// Each alert has a section in the runbook that its annotation leads to, and cases in
// which it fires and in which it does not.
func TestAlertsHaveRunbookAndCases(t *testing.T) {
	t.Parallel()
	rules := text(t, packaging+"prometheus/alerts.yml")
	alerts := found(rules, `(?m)^      - alert: (\w+)$`)
	sections := found(text(t, "../../docs/runbook.md"), `(?m)^## (K8sRegistrar\w+)$`)
	if diff := cmp.Diff(alerts, sections); diff != "" {
		t.Errorf("alerts and sections of the runbook (-alerts +sections):\n%s", diff)
	}
	links := found(rules, `runbook_url: https://github.com/k8s-registrar/k8s-registrar/blob/main/docs/runbook.md#(\w+)\n`)
	if diff := cmp.Diff(strings.Split(strings.ToLower(strings.Join(alerts, " ")), " "), links); diff != "" {
		t.Errorf("alerts and links to the runbook (-alerts +links):\n%s", diff)
	}
	cases := text(t, packaging+"prometheus/testdata/alerts.yml")
	for _, alert := range alerts {
		name := `alertname="` + alert + `", alertstate="firing"})'\s+eval_time: \w+\s+exp_samples: `
		for what, expected := range map[string]string{"fires": `\[\{`, "is silent": `\[\]`} {
			if !regexp.MustCompile(strings.NewReplacer(")'", `\)'`, "{", `\{`, "}", `\}`).Replace(name) + expected).MatchString(cases) {
				t.Errorf("there is no case in which %s %s", alert, what)
			}
		}
	}
}

// The rules and the dashboard ask only for metrics that the daemon has.
func TestMetricsExist(t *testing.T) {
	t.Parallel()
	known := append(metrics(t), recorded(t)...)
	asked := append(dashboardQueries(t), text(t, packaging+"prometheus/alerts.yml"), text(t, packaging+"prometheus/rules.yml"))
	for _, query := range asked {
		for _, name := range found(query, `((?:instance:)?k8s_registrar_[a-z0-9_]+(?::\w+)?)`) {
			if !slices.Contains(known, name) && !slices.Contains(known, strings.TrimSuffix(name, "_bucket")) {
				t.Errorf("there is no %s", name)
			}
		}
	}
}

// The dashboard is valid, and its panels do not lie on each other.
func TestDashboard(t *testing.T) {
	t.Parallel()
	ids, places := map[int]bool{}, map[[2]int]string{}
	for _, p := range readDashboard(t).Panels {
		if ids[p.ID] || p.Title == "" || p.Description == "" || len(p.Targets) == 0 {
			t.Errorf("panel %d %q has no title, description or query, or another one's number", p.ID, p.Title)
		}
		ids[p.ID] = true
		for x := p.Place.X; x < p.Place.X+p.Place.W; x++ {
			for y := p.Place.Y; y < p.Place.Y+p.Place.H; y++ {
				if other := places[[2]int{x, y}]; other != "" || x >= 24 {
					t.Fatalf("%q is out of the page, or where %q is", p.Title, other)
				}
				places[[2]int{x, y}] = p.Title
			}
		}
	}
}

type dashboard struct {
	Panels []struct {
		ID          int
		Title       string
		Description string
		Place       struct{ X, Y, W, H int } `json:"gridPos"`
		Targets     []struct{ Expr string }
	}
}

func readDashboard(t *testing.T) dashboard {
	t.Helper()
	var d dashboard
	must(t, json.Unmarshal([]byte(text(t, packaging+"grafana/k8s-registrar.json")), &d))
	return d
}

// dashboardQueries returns what Grafana asks when all nodes are shown.
func dashboardQueries(t *testing.T) []string {
	t.Helper()
	variables := strings.NewReplacer("$instance", ".*", "$__rate_interval", "1m")
	var queries []string
	for _, p := range readDashboard(t).Panels {
		for _, target := range p.Targets {
			queries = append(queries, variables.Replace(target.Expr))
		}
	}
	if len(queries) < 10 {
		t.Fatalf("the dashboard has %d queries", len(queries))
	}
	return queries
}

// recorded returns the names of the recording rules.
func recorded(t *testing.T) []string {
	t.Helper()
	return found(text(t, packaging+"prometheus/rules.yml"), `(?m)^      - record: (\S+)$`)
}

// metrics returns the names of all that the daemon counts.
func metrics(t *testing.T) []string {
	t.Helper()
	client, err := api.NewClient(api.DefaultConfig())
	must(t, err)
	registry := prometheus.NewRegistry()
	agent.New(config.Default(), agent.Consul{Client: client, Token: agent.NewToken("")}, hclog.NewNullLogger(), registry)
	descriptions := make(chan *prometheus.Desc, 1000)
	registry.Describe(descriptions)
	close(descriptions)
	names := []string{"k8s_registrar_build_info"} // main adds it
	for d := range descriptions {
		names = append(names, found(d.String(), `fqName: "(\w+)"`)...)
	}
	return names
}

// found returns what the group of an expression finds, in order.
func found(text, expression string) []string {
	var all []string
	for _, match := range regexp.MustCompile(expression).FindAllStringSubmatch(text, -1) {
		all = append(all, match[1])
	}
	return all
}
