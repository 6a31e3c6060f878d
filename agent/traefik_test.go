package agent

import (
	"io"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/k8s-registrar/k8s-registrar/config"
	"github.com/k8s-registrar/k8s-registrar/kvschema"
	"github.com/k8s-registrar/k8s-registrar/kvschema/traefik"
	"github.com/k8s-registrar/k8s-registrar/register/consultest"
)

// config cannot import the rules, so that it names them itself.
func TestConfigurationKnowsTheRulesOfTraefik(t *testing.T) {
	want := slices.Sorted(maps.Keys(traefik.DefaultSeverities()))
	if got := config.FindingRules(); !slices.Equal(got, want) {
		t.Errorf("config has %q, want %q", got, want)
	}
}

func TestSiteIsWhatTheOperatorSaid(t *testing.T) {
	said := config.Default().Traefik
	said.Severity = map[string]string{traefik.RuleEnable: "off"}
	site := SiteOf(said)
	if site.Generation != traefik.V1 || site.HiddenByDefault || site.SeverityOf(traefik.RuleEnable) != traefik.Off ||
		site.SeverityOf(traefik.RuleFreeze) != traefik.Refuse || !slices.Equal(site.TLSEntryPoints, []string{"https"}) {
		t.Errorf("got %+v", site)
	}
}

// The daemon reads by the blocks services and traefik both.
func TestReaderIsWhatTheOperatorSaid(t *testing.T) {
	consul := Consul{Client: consultest.New().Client(), Token: NewToken("")}
	reader := newAgent(t, consul, io.Discard, func(c *config.Config) {
		c.KeyPath, c.Services.Tags, c.Traefik.Generation = "kubernetes/eu", []string{"eu"}, string(traefik.V3)
	}).tree().reader
	value := `{"metadata": {"name": "cart", "annotations": {"traefik.frontend.rule": "Host:a"}}, "spec": {"type": "NodePort", "ports": [{"port": 80, "nodePort": 30080}]}}`
	reading, ours := reader.Read(kvschema.Pair{Key: "kubernetes/eu/deployments/shop/cart", Value: []byte(value)}, nil)
	if !ours {
		t.Fatal("the key is not of the tree")
	}
	service, _ := reading.Service()
	tags := service.TagsOf(0)
	if !slices.Contains(tags, "eu") || !slices.ContainsFunc(tags, func(tag string) bool { return strings.HasPrefix(tag, "traefik.http.routers.") }) {
		t.Errorf("got %q", tags)
	}
}
