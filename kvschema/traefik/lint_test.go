package traefik_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/k8s-registrar/k8s-registrar/kvschema/traefik"
)

// findings are written as "severity rule tag".
func findings(found []traefik.Finding) []string {
	var lines []string
	for _, finding := range found {
		lines = append(lines, strings.TrimSpace(fmt.Sprintf("%s %s %s", finding.Severity, finding.Rule, finding.Tag)))
	}
	return lines
}

func TestLint(t *testing.T) {
	const rule = "traefik.frontend.rule=Host:a"
	for _, test := range []struct {
		name string
		site traefik.Site
		tags []string
		want []string
	}{
		{"nothing to say", traefik.Site{Generation: traefik.V1}, []string{rule, "kubernetes"}, nil},
		{"no Traefik", traefik.Site{Generation: traefik.V1}, []string{"kubernetes", `a"b`}, nil},
		{
			"a quote", traefik.Site{Generation: traefik.V1},
			[]string{`traefik.frontend.rule=HeadersRegexp:A,"b"`},
			[]string{"refuse v1-freeze traefik.frontend.rule"},
		},
		{
			"an escape of regular expressions", traefik.Site{Generation: traefik.V1},
			[]string{`traefik.frontend.rule=Path:/x/{id:\d+}`},
			[]string{"refuse v1-freeze traefik.frontend.rule"},
		},
		{
			"a rule of nothing but semicolons", traefik.Site{Generation: traefik.V1},
			[]string{"traefik.frontend.rule=;;"}, []string{"refuse v1-freeze traefik.frontend.rule"},
		},
		{"an escape of TOML", traefik.Site{Generation: traefik.V1}, []string{`traefik.frontend.rule=Path:/x/{id:\\d+}`}, nil},
		{"a number is not pasted", traefik.Site{Generation: traefik.V1}, []string{rule, `traefik.frontend.priority="1"`}, nil},
		{
			"a header's name is a key of TOML", traefik.Site{Generation: traefik.V1},
			[]string{rule, "traefik.frontend.headers.customRequestHeaders=X A:1"},
			[]string{"refuse v1-freeze traefik.frontend.headers.customRequestHeaders"},
		},
		{
			"for Traefik 3 a quote is harmless", traefik.Site{Generation: traefik.V1},
			[]string{`traefik.http.routers.x.rule=Host("a")`, "traefik.http.routers.x.service=x"},
			nil,
		},
		{
			"disabled", traefik.Site{Generation: traefik.V1},
			[]string{`traefik.frontend.rule=Host:"`, "traefik.enable=false"}, nil,
		},
		{
			"enable", traefik.Site{Generation: traefik.Both},
			[]string{rule, "traefik.enable=yes"}, []string{"warn enable traefik.enable"},
		},
		{"enable is written out", traefik.Site{Generation: traefik.Both}, []string{rule, "traefik.enable=True"}, nil},
		{"enable is not written out", traefik.Site{Generation: traefik.V1}, []string{rule, "traefik.enable=True"}, []string{"warn enable traefik.enable"}},
		{
			"a rule that does not parse", traefik.Site{Generation: traefik.Both}, []string{"traefik.frontend.rule=host:a"},
			[]string{"warn v1-rule traefik.frontend.rule", "warn v3-lost traefik.frontend.rule", "warn default-route"},
		},
		{
			"a name with the wrong case", traefik.Site{Generation: traefik.V1}, []string{rule, "traefik.frontend.entrypoints=http"},
			[]string{"warn v1-name traefik.frontend.entrypoints"},
		},
		{
			"lost", traefik.Site{Generation: traefik.V3}, []string{rule, "traefik.backend.loadbalancer=drr"},
			[]string{"warn v3-lost traefik.backend.loadbalancer"},
		},
		{
			"review, if asked for", traefik.Site{Generation: traefik.V3, Severities: map[string]traefik.Severity{traefik.RuleV3Review: traefik.Warn}},
			[]string{rule, "traefik.weight=3"}, []string{"warn v3-review traefik.weight"},
		},
		{
			"a default route of Traefik 1.7", traefik.Site{Generation: traefik.V1}, []string{"traefik.tags=kubernetes"},
			[]string{"warn default-route traefik.frontend.rule"},
		},
		{"a default route of Traefik 3", traefik.Site{Generation: traefik.V3}, []string{"kubernetes"}, []string{"warn default-route"}},
		{"no default route without exposedByDefault", traefik.Site{Generation: traefik.V3, HiddenByDefault: true}, []string{"kubernetes"}, nil},
		{"no default route without the constraint's tag", traefik.Site{Generation: traefik.V3, Constraint: "web"}, []string{"kubernetes"}, nil},
		{
			"the constraint keeps Traefik 1.7 away", traefik.Site{Generation: traefik.V1, Constraint: "kubernetes"},
			[]string{rule, "kubernetes"}, []string{"warn constraint traefik.frontend.rule"},
		},
		{
			"the constraint keeps Traefik 3 away", traefik.Site{Generation: traefik.V3, Constraint: "kubernetes"},
			[]string{rule}, []string{"warn constraint traefik.frontend.rule"},
		},
		{"the constraint is met by traefik.tags", traefik.Site{Generation: traefik.Both, Constraint: "kubernetes"}, []string{rule, "traefik.tags=blue,kubernetes"}, nil},
		{
			"a rule of Traefik 2 by hand", traefik.Site{Generation: traefik.V3},
			[]string{"traefik.http.routers.x.rule=Host(`a`,`b`)"}, []string{"warn v3-rule traefik.http.routers.x.rule"},
		},
		{
			"a rule of Traefik 2 that says so", traefik.Site{Generation: traefik.V3},
			[]string{"traefik.http.routers.x.rule=Host(`a`,`b`)", "traefik.http.routers.x.ruleSyntax=v2"}, nil,
		},
		{"a rule for TCP", traefik.Site{Generation: traefik.V3}, []string{"traefik.tcp.routers.x.rule=HostSNI(`*`)"}, nil},
		{
			"a router without a rule", traefik.Site{Generation: traefik.V3}, []string{"traefik.http.routers.x.tls=true"},
			[]string{"warn default-route traefik.http.routers.x.rule"},
		},
		{
			"refused by the site", traefik.Site{Generation: traefik.V1, Severities: map[string]traefik.Severity{traefik.RuleDefaultRoute: traefik.Refuse}},
			[]string{"traefik.tags=kubernetes"}, []string{"refuse default-route traefik.frontend.rule"},
		},
		{
			"silenced by the site", traefik.Site{Generation: traefik.V1, Severities: map[string]traefik.Severity{traefik.RuleFreeze: traefik.Off}},
			[]string{`traefik.frontend.rule=Host:"`}, nil,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, findings(traefik.Lint(shop, test.tags, test.site))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestSeveritiesAreReadFromOneLine(t *testing.T) {
	got, err := traefik.ParseSeverities("enable=off, default-route=refuse")
	want := map[string]traefik.Severity{"enable": traefik.Off, "default-route": traefik.Refuse}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	for list, want := range map[string]string{"enabled=off": "no rule", "enable=quiet": "no severity", "enable": "no severity"} {
		if _, err := traefik.ParseSeverities(list); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got error %v, want one with %q", list, err, want)
		}
	}
}

func TestTwoServicesThatDefineOneName(t *testing.T) {
	names := func(service string, generation traefik.Generation, tags ...string) map[string]string {
		made := map[string]string{}
		for _, definition := range traefik.Definitions(service, tags, traefik.Site{Generation: generation}) {
			made[definition.Kind+" "+definition.Name] = definition.Is
		}
		return made
	}
	const rule, auth = "traefik.http.routers.x.rule=Host(`a`)", "traefik.http.middlewares.auth.basicauth.users=a:b"
	one, two := names("one", traefik.V3, rule, auth), names("two", traefik.V3, rule, auth)
	if one["http router x"] == two["http router x"] {
		t.Error("a router that names no service is linked to each service's own, and so differs")
	}
	if one["http middleware auth"] == "" || one["http middleware auth"] != two["http middleware auth"] {
		t.Error("a middleware that is defined alike may be shared")
	}
	one, two = names("one", traefik.V3, rule, rule+"x", "traefik.http.routers.x.service=s"), names("two", traefik.V3, "traefik.HTTP.routers.x.Service=s", rule+"x", rule)
	if one["http router x"] == "" || one["http router x"] != two["http router x"] {
		t.Errorf("case of options and order of tags are no difference: %q, %q", one, two)
	}
	if len(names("one", traefik.V3, rule, "traefik.enable=false")) > 0 {
		t.Error("what is disabled defines nothing")
	}
	one, two = names("cart", traefik.V1, "traefik.frontends.api.rule=Host:a"), names("cart-api", traefik.V1)
	if one["frontend cart-api"] == "" || one["frontend cart-api"] == two["frontend cart-api"] {
		t.Errorf("Traefik 1.7 would have one frontend twice: %q, %q", one, two)
	}
}

func TestSecretsAreKnown(t *testing.T) {
	var secret []string
	for _, annotation := range traefik.Annotations() {
		if traefik.Secret(annotation.Name) {
			secret = append(secret, strings.TrimPrefix(annotation.Name, "traefik.frontend.auth."))
		}
	}
	want := []string{"basic", "basic.users", "digest.users", "forward.tls.key"}
	if !slices.Equal(secret, want) || !traefik.Secret("traefik.http.middlewares.x_auth.basicauth.users") {
		t.Errorf("got %q, want %q and the tags they become", secret, want)
	}
	for tag, want := range map[string]string{
		"traefik.frontend.auth.basic.users=ann:hunter2":                                 "traefik.frontend.auth.basic.users=(set)",
		"traefik.http.middlewares.x.basicauth.users=ann:hunter2":                        "traefik.http.middlewares.x.basicauth.users=(set)",
		"traefik.frontend.headers.customRequestHeaders=X-A:b||authorization:Basic x":    "traefik.frontend.headers.customRequestHeaders=(set)",
		"traefik.http.middlewares.x.headers.customrequestheaders.Authorization=Basic x": "traefik.http.middlewares.x.headers.customrequestheaders.Authorization=(set)",
		"traefik.frontend.rule=Headers:X-Authorization,a":                               "traefik.frontend.rule=Headers:X-Authorization,a",
		"kubernetes": "kubernetes",
	} {
		if got := traefik.Shown(tag); got != want {
			t.Errorf("%s is shown as %s, want %s", tag, got, want)
		}
	}
}
