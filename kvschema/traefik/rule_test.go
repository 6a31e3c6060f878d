package traefik_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/k8s-registrar/k8s-registrar/kvschema/traefik"
)

func TestRulesAreWrittenForTraefik3(t *testing.T) {
	for _, test := range []struct{ rule, want string }{
		{"Host:a.example.com", "Host(`a.example.com`)"},
		{"Host: A.example.com , b.example.com", "(Host(`a.example.com`) || Host(`b.example.com`))"},
		{"Host:a,b;Method:get,POST", "(Host(`a`) || Host(`b`)) && (Method(`GET`) || Method(`POST`))"},
		{";Host:a;;Path:/x;", "Host(`a`) && Path(`/x`)"},
		{"Host:,a,,b,", "(Host(`a`) || Host(`b`))"},
		{"Host:a::b", "Host(`a:b`)"},
		{"PathPrefix:/x", "PathPrefix(`/x`)"},
		{"Path:/x/{id:[0-9]+}", "PathRegexp(`^/x/[0-9]+$`)"},
		{"Path:/x.y/{id}/z", "PathRegexp(`^/x\\.y/[^/]+/z$`)"},
		{"PathPrefix:/x/{id:a|b}", "PathRegexp(`^/x/(?:a|b)`)"},
		{"Path:/x/{id:[0-9]{3}}", "PathRegexp(`^/x/[0-9]{3}$`)"},
		{"HostRegexp:{sub:[a-z]+}.ex.com", "HostRegexp(`^[a-z]+\\.ex\\.com$`)"},
		{"HostRegexp:{sub}.EX.com", "HostRegexp(`(?i)^[^.]+\\.EX\\.com$`)"},
		{"HostRegexp:ex.com", "HostRegexp(`^ex\\.com$`)"},
		{"Headers:X-A,1", "Header(`X-A`, `1`)"},
		{"Headers:X-A,1,X-B,2", "Header(`X-A`, `1`) && Header(`X-B`, `2`)"},
		{"Headers:X-A, ", "HeaderRegexp(`X-A`, `.*`)"},
		{"HeadersRegexp:X-A,^a.c$", "HeaderRegexp(`X-A`, `^a.c$`)"},
		{"Query:a=b,c=d", "Query(`a`, `b`) && Query(`c`, `d`)"},
		{"Query:a=", "QueryRegexp(`a`, `.*`)"},
		{"Query:a={n:[0-9]+}", "QueryRegexp(`a`, `^[0-9]+$`)"},
		{"Query:a=x{n}", "QueryRegexp(`a`, `^x.*$`)"},
		{"PathStrip:/x,/longer", "(Path(`/x`) || Path(`/longer`))"},
		{"PathPrefixStrip:/x", "PathPrefix(`/x`)"},
		{"PathStripRegex:/x/{id}", "PathRegexp(`^/x/[^/]+$`)"},
		{"PathPrefixStripRegex:/x/{id}", "PathRegexp(`^/x/[^/]+`)"},
		{"Host:a;AddPrefix:/x", "Host(`a`)"},
		{"ReplacePath:/x", "PathPrefix(`/`)"},
		{"Headers:X-A,`1`", "Header(`X-A`, \"`1`\")"},
	} {
		rule, err := traefik.ParseRule(test.rule)
		if err != nil {
			t.Errorf("%s: %v", test.rule, err)
			continue
		}
		got, err := rule.Expression()
		if err != nil || got != test.want {
			t.Errorf("%s\n got %s, %v\nwant %s", test.rule, got, err, test.want)
		}
	}
}

func TestRulesThatTraefik1Refuses(t *testing.T) {
	for _, test := range []struct{ rule, want string }{
		{"", "empty"},
		{";;", "empty"},
		{"host:a", "write Host"},
		{"Hosts:a", "not a matcher"},
		{"Host", "no argument"},
		{"Host:,", "no argument"},
		{"::", "no name"},
		{"Headers:X-A", "name,value"},
		{"HeadersRegexp:a,b,c", "name,value"},
		{"Query:a", "not pairs"},
		{"Query:a=b=c", "not pairs"},
		{"Query:a={", "not closed"},
		{"HeadersRegexp:a,[", "missing closing"},
		{"Query:a={n};Query:b={n}", "{n} of Query is there twice"},
		{"Host:{{.ServiceName}}.x", "template"},
	} {
		if _, err := traefik.ParseRule(test.rule); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%q: got error %v, want one with %q", test.rule, err, test.want)
		}
	}
}

func TestRulesThatTraefik3CouldNotKeep(t *testing.T) {
	for _, test := range []struct{ rule, want string }{
		{"Host:*.example.com", "never matched"},
		{"Host:bücher.example", "xn--"},
		{"HostRegexp:bücher.{x}", "xn--"},
		{"Path:x", "begin it with /"},
		{"PathPrefix:{x}", "begin it with /"},
		{"Path:/x/{id", "not closed"},
		{"Path:/x/id}", "did not open"},
		{"Path:/x/{:a}", "{name:pattern}"},
		{"Path:/x/{a:}", "{name:pattern}"},
		{"Path:/x/{a:[}", "does not compile"},
		{"Query:{a}=b", "variable for a name"},
	} {
		rule, err := traefik.ParseRule(test.rule)
		if err == nil {
			_, err = rule.Expression()
		}
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%q: got error %v, want one with %q", test.rule, err, test.want)
		}
	}
}

func TestModifiersBecomeMiddlewaresInTheOrderOfTraefik1(t *testing.T) {
	tags := tagsOf(
		"frontend.rule=ReplacePath:/r;AddPrefix:/lost;AddPrefix:/p;PathPrefixStrip:/x,/longer;PathPrefixStripRegex:/y/{id:[0-9]+};ReplacePathRegex:^/(.*) /q/$1",
		"frontend.redirect.entryPoint=https", "frontend.entryPoints=http,https", "frontend.passTLSCert=false",
		"frontend.auth.basic=u:p", "frontend.whitelistSourceRange=::1/128", "frontend.headers.frameDeny=true",
		"frontend.errors.e.backend=b", "backend.circuitbreaker=NetworkErrorRatio() > 1", "backend.buffering.maxRequestBodyBytes=1",
		"backend.maxconn.amount=1", "frontend.rateLimit.extractorFunc=client.ip", "frontend.rateLimit.rateSet.a.average=1",
	)
	got := map[string]string{}
	for _, tag := range traefik.Translate(shop, tags, site(traefik.Both)).Tags {
		name, value, _ := strings.Cut(tag, "=")
		got[name] = value
	}
	const rest = "stripregex,strip,addprefix,replacepathregex,replacepath,headers,auth,breaker,buffering,maxconn,rate-a"
	for _, test := range []struct{ router, want string }{
		{"shop_cart", "errors-e,allow,redirect," + rest},
		{"shop_cart_tls", "errors-e,allow," + rest},
	} {
		chain := strings.ReplaceAll(got["traefik.http.routers."+test.router+".middlewares"], "shop_cart_", "")
		if diff := cmp.Diff(test.want, chain); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.router, diff)
		}
	}
	for name, want := range map[string]string{
		"stripregex.stripprefixregex.regex":             "^/y/[0-9]+",
		"strip.stripprefix.prefixes":                    "/longer,/x",
		"addprefix.addprefix.prefix":                    "/p",
		"replacepathregex.replacepathregex.regex":       "^/(.*)",
		"replacepathregex.replacepathregex.replacement": "/q/$1",
		"replacepath.replacepath.path":                  "/r",
	} {
		if got["traefik.http.middlewares.shop_cart_"+name] != want {
			t.Errorf("%s is %q, want %q", name, got["traefik.http.middlewares.shop_cart_"+name], want)
		}
	}
}

func TestTheTextOfTOMLIsReadBeforeTheRule(t *testing.T) {
	tags := traefik.Translate(shop, tagsOf(`frontend.rule=Path:/x/{id:\\d+}`), site(traefik.V3)).Tags
	if want := "traefik.http.routers.shop_cart.rule=PathRegexp(`^/x/\\d+$`)"; !strings.Contains(strings.Join(tags, "\n"), want) {
		t.Errorf("got %s, want %s", tags, want)
	}
}
