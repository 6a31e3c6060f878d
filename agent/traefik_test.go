package agent

import (
	"maps"
	"slices"
	"testing"

	"github.com/k8s-registrar/k8s-registrar/config"
	"github.com/k8s-registrar/k8s-registrar/kvschema/traefik"
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
