package traefik_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/k8s-registrar/k8s-registrar/kvschema/traefik"
	"github.com/k8s-registrar/k8s-registrar/kvschema/traefik/traefiktest"
)

// echoserver is the customer's own Service.
func echoserver() []string {
	return append(tagsOf(
		"enable=true", "tags=kubernetes", "frontend.rule=Host:echoserver.example.com,echo.example.com;Method:GET,POST",
		"frontend.entryPoints=http,https", "backend.loadbalancer=wrr", "backend.weight=10",
	), "k8s", "kubernetes", "red")
}

func TestEchoserverIsRoutedByBothGenerationsAlike(t *testing.T) {
	who := traefik.Ref{Namespace: "default", Name: "echoserver"}
	got := traefik.Translate(who, echoserver(), site(traefik.Both))
	want := append(echoserver(), strings.Fields(strings.ReplaceAll(`
traefik.http.routers.default_echoserver.entrypoints=http
traefik.http.routers.default_echoserver.priority=60
traefik.http.routers.default_echoserver.rule=(Host(~echoserver.example.com~)_||_Host(~echo.example.com~))_&&_(Method(~GET~)_||_Method(~POST~))
traefik.http.routers.default_echoserver.service=default_echoserver
traefik.http.routers.default_echoserver_tls.entrypoints=https
traefik.http.routers.default_echoserver_tls.priority=60
traefik.http.routers.default_echoserver_tls.rule=(Host(~echoserver.example.com~)_||_Host(~echo.example.com~))_&&_(Method(~GET~)_||_Method(~POST~))
traefik.http.routers.default_echoserver_tls.service=default_echoserver
traefik.http.routers.default_echoserver_tls.tls=true
traefik.http.services.default_echoserver.loadbalancer.passhostheader=true
traefik.http.services.default_echoserver.loadbalancer.server.weight=10`, "~", "`"))...)
	for i, tag := range want {
		want[i] = strings.NewReplacer("_||_", " || ", "_&&_", " && ").Replace(tag)
	}
	if diff := cmp.Diff(sorted(want), got.Tags); diff != "" {
		t.Fatalf("tags (-want +got):\n%s", diff)
	}
	rule, err := traefik.ParseRule("Host:echoserver.example.com,echo.example.com;Method:GET,POST")
	if err != nil {
		t.Fatal(err)
	}
	var expression string
	for _, tag := range got.Tags {
		if rule, ok := strings.CutPrefix(tag, "traefik.http.routers.default_echoserver.rule="); ok {
			expression = rule
		}
	}
	for _, host := range []string{"echoserver.example.com", "echo.example.com", "example.com", "x.echo.example.com"} {
		for _, method := range []string{"GET", "POST", "PUT", "HEAD"} {
			r := traefiktest.Request{Method: method, Host: host, Path: "/any"}
			want := strings.HasPrefix(host, "echo") && (method == "GET" || method == "POST")
			if one, three := matches1(rule, r), matches3(t, expression, r); one != want || three != want {
				t.Errorf("%s %s: Traefik 1.7 %t, Traefik 3 %t, want %t", method, host, one, three, want)
			}
		}
	}
	if found := traefik.Lint(who, echoserver(), traefik.Site{Generation: traefik.Both, Constraint: "kubernetes"}); len(found) > 0 {
		t.Errorf("there is nothing to find: %v", found)
	}
}

func TestExplain(t *testing.T) {
	summary := func(outcomes []traefik.Outcome) string {
		var lines []string
		for _, outcome := range outcomes {
			line := outcome.Traefik + ":"
			if outcome.Why != "" {
				line += " " + outcome.Why
			}
			for _, router := range outcome.Routers {
				line += " " + router.Name + "->" + router.Service
				if router.Problem != "" {
					line += " (" + router.Problem + ")"
				}
			}
			if !outcome.Routed {
				line += " not routed"
			}
			lines = append(lines, line)
		}
		return strings.Join(lines, "\n")
	}
	both := site(traefik.Both)
	both.Constraint = "kubernetes"
	hidden := traefik.Site{HiddenByDefault: true}
	for _, test := range []struct {
		name string
		tags []string
		site traefik.Site
		want string
	}{
		{
			"echoserver", traefik.Translate(shop, echoserver(), both).Tags, both,
			"1.7: frontend-cart->backend-cart\n" +
				"2: it skips a service with a tag that it does not know: traefik.http.services.shop_cart.loadbalancer.server.weight not routed\n" +
				"3: shop_cart->shop_cart shop_cart_tls->shop_cart",
		},
		{
			"annotations of Traefik 1.7 alone", echoserver(), both,
			"1.7: frontend-cart->backend-cart\n" +
				"2: no tag defines a router: it takes the default rule, by default Host(`cart`) cart->cart\n" +
				"3: no tag defines a router: it takes the default rule, by default Host(`cart`) cart->cart",
		},
		{
			"not what the constraint asks for", []string{"blue"}, both,
			"1.7: the constraint asks for the tag kubernetes not routed\n2: the constraint asks for the tag kubernetes not routed\n3: the constraint asks for the tag kubernetes not routed",
		},
		{
			"switched off", []string{"traefik.enable=false"}, traefik.Site{},
			"1.7: traefik.enable says no not routed\n2: traefik.enable says no not routed\n3: traefik.enable says no not routed",
		},
		{
			"hidden by default", []string{"traefik.enable=True", "traefik.frontend.rule=Host:a"}, hidden,
			"1.7: frontend-cart->backend-cart\n" +
				"2: exposedByDefault is false, and then it takes no other spelling than traefik.enable=true not routed\n" +
				"3: exposedByDefault is false, and then it takes no other spelling than traefik.enable=true not routed",
		},
		{
			"hidden without a word", nil, hidden,
			"1.7: exposedByDefault is false and traefik.enable=true is missing not routed\n2: exposedByDefault is false and traefik.enable=true is missing not routed\n3: exposedByDefault is false and traefik.enable=true is missing not routed",
		},
		{
			"a rule of Traefik 3 only", []string{"traefik.enable=false", "traefik.http.routers.x.rule=PathRegexp(`^/a`)"}[1:], traefik.Site{},
			"1.7: frontend-cart->backend-cart\n" +
				"2: x->cart (Traefik drops the router: PathRegexp is no matcher: use one of ClientIP, Headers, HeadersRegexp, Host, HostHeader, HostRegexp, Method, Path, PathPrefix, Query) not routed\n" +
				"3: x->cart",
		},
		{
			"a poisonous service", []string{`traefik.frontend.rule=Host:"`}, traefik.Site{},
			"1.7: traefik.frontend.rule: Traefik 1.7 would take no change of any service any more: it holds a quote: write \\\" or leave it out not routed\n" +
				"2: no tag defines a router: it takes the default rule, by default Host(`cart`) cart->cart\n" +
				"3: no tag defines a router: it takes the default rule, by default Host(`cart`) cart->cart",
		},
		{
			"several frontends", []string{"traefik.frontends.api.rule=Hosts:a"}, traefik.Site{HiddenByDefault: false},
			"1.7: frontend-cart->backend-cart frontend-cart-api->backend-cart (Traefik drops the frontend: \"Hosts\" is not a matcher: use one of Host, HostRegexp, Path, PathPrefix, Method, Headers, HeadersRegexp, Query, PathStrip, PathStripRegex, PathPrefixStrip, PathPrefixStripRegex, AddPrefix, ReplacePath, ReplacePathRegex)\n" +
				"2: no tag defines a router: it takes the default rule, by default Host(`cart`) cart->cart\n" +
				"3: no tag defines a router: it takes the default rule, by default Host(`cart`) cart->cart",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := traefik.Explain("cart", test.tags, test.site)
			if diff := cmp.Diff(test.want, summary(got)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if _, err := json.Marshal(got); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestOtherTagsPassThroughUntouched(t *testing.T) {
	native := []string{"traefik.http.routers.x.rule=Host(`a`)", "kubernetes", "traefik.frontend.rule=Host:b", "traefik.tags=blue"}
	for generation, want := range map[traefik.Generation][]string{
		traefik.V1:   native,
		traefik.Both: sorted(append([]string{"blue"}, native...)),
		traefik.V3:   {"blue", "kubernetes", "traefik.http.routers.x.rule=Host(`a`)"},
	} {
		got := traefik.Translate(shop, native, site(generation))
		if diff := cmp.Diff(want, got.Tags); diff != "" || got.Verdicts != nil {
			t.Errorf("%s: %v (-want +got):\n%s", generation, got.Verdicts, diff)
		}
	}
	off := []string{"traefik.enable=0", "traefik.frontend.rule=Host:b"}
	want := []string{"traefik.enable=false", "traefik.frontend.rule=Host:b"}
	if got := traefik.Translate(shop, off, site(traefik.Both)); cmp.Diff(want, got.Tags) != "" {
		t.Errorf("what is switched off is not translated: %q", got.Tags)
	}
}
