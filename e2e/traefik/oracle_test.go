package traefik_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/containous/mux"
	"github.com/traefik/traefik/middlewares"
	"github.com/traefik/traefik/rules"
	"github.com/traefik/traefik/types"
	"github.com/traefik/traefik/v3/pkg/config/label"
	"github.com/traefik/traefik/v3/pkg/middlewares/requestdecorator"
	muxer "github.com/traefik/traefik/v3/pkg/muxer/http"
	"pgregory.net/rapid"

	"github.com/k8s-registrar/k8s-registrar/kvschema/traefik"
	"github.com/k8s-registrar/k8s-registrar/kvschema/traefik/traefiktest"
)

// oracle answers whether a request meets a rule.
type oracle func(traefiktest.Request) bool

// traefik1 is the rule in the code of Traefik 1.7. It keeps slashes at the end of a
// path apart, as with keepTrailingSlash = true: the other way is a redirection.
func traefik1(rule string) (oracle, error) {
	route := &types.ServerRoute{Route: mux.NewRouter().NewRoute()}
	parser := rules.Rules{Route: route}
	parsed, err := parser.Parse(rule)
	if err != nil {
		return nil, err
	}
	if parsed == nil { // of nothing but semicolons; Traefik stumbles over it
		return nil, errors.New("no route")
	}
	return func(r traefiktest.Request) bool {
		var matched bool
		decorate := &middlewares.RequestHost{}
		decorate.ServeHTTP(httptest.NewRecorder(), send(r), func(_ http.ResponseWriter, decorated *http.Request) {
			var match mux.RouteMatch
			matched = parsed.Match(decorated, &match) && match.MatchErr == nil
		})
		return matched
	}, nil
}

// traefik3 is the rule in the code of Traefik 3, in the syntax of 2 or 3.
func traefik3(rule, syntax string) (oracle, error) {
	parser, err := muxer.NewSyntaxParser()
	if err != nil {
		return nil, err
	}
	var matched bool
	router := muxer.NewMuxer(parser, nil)
	hit := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { matched = true })
	if err := router.AddRoute(rule, syntax, 1, "consulcatalog", hit); err != nil {
		return nil, err
	}
	return func(r traefiktest.Request) bool {
		matched = false
		requestdecorator.New(nil).ServeHTTP(httptest.NewRecorder(), send(r), router.ServeHTTP)
		return matched
	}, nil
}

func send(r traefiktest.Request) *http.Request {
	query := url.Values{}
	for name, value := range r.Query {
		query.Set(name, value)
	}
	request := httptest.NewRequest(r.Method, r.Path+"?"+query.Encode(), nil)
	request.Host = r.Host + ":8080"
	for name, value := range r.Headers {
		request.Header.Set(name, value)
	}
	return request
}

// Whatever rule there is: what Traefik 1.7 takes is translated into what Traefik 3
// takes, and both match the same requests.
func TestTraefiksAgree(t *testing.T) {
	var matched int
	rapid.Check(t, func(t *rapid.T) {
		text := traefiktest.DrawRule(t)
		one, err := traefik1(text)
		if err != nil {
			t.Fatalf("Traefik 1.7 refuses %s: %v", text, err)
		}
		rule, err := traefik.ParseRule(text)
		if err != nil {
			t.Fatalf("we refuse %s: %v", text, err)
		}
		expression, err := rule.Expression()
		if err != nil {
			t.Fatalf("we do not translate %s: %v", text, err)
		}
		three, err := traefik3(expression, "v3")
		if err != nil {
			t.Fatalf("Traefik 3 refuses %s: %v", expression, err)
		}
		for range 10 {
			r := traefiktest.DrawRequest(t)
			first, third := one(r), three(r)
			if first != third {
				t.Fatalf("%+v\nTraefik 1.7 %s: %t\nTraefik 3   %s: %t", r, text, first, expression, third)
			}
			if first {
				matched++
			}
		}
	})
	if matched < 20 {
		t.Errorf("only %d requests matched: the test shows nothing", matched)
	}
}

// What is no rule to us is none to Traefik 1.7, and the other way round.
func TestParsersAgree(t *testing.T) {
	pieces := []string{
		"Host", "host", "Path", "Headers", "HeadersRegexp", "Query", "Method", "AddPrefix", "HostRegexp", "Nothing",
		":", ":", ",", ";", " ", "=", "a", "/x", "{", "}", "{n}", "{n:[0-9]+}", "{:}", "[", "*",
	}
	rapid.Check(t, func(t *rapid.T) {
		text := strings.Join(rapid.SliceOfN(rapid.SampledFrom(pieces), 0, 12).Draw(t, "pieces"), "")
		if strings.Contains(text, "{{") {
			t.Skip("Traefik 1.7 expands templates before it parses")
		}
		_, want := traefik1(text)
		_, got := traefik.ParseRule(text)
		if (want == nil) != (got == nil) {
			t.Fatalf("%q: Traefik 1.7 says %v, we say %v", text, want, got)
		}
	})
}

// What Lint lets pass parses, what it finds does not.
func TestLintKnowsTheRulesOfTraefik3(t *testing.T) {
	pieces := []string{
		"Host(`a`)", "Path(`/x`)", "PathRegexp(`^/a`)", "Header(`a`, `b`)", "Headers(`a`, `b`)", "Host(`a`, `b`)", "Query(`a`)",
		"HOST(`a`)", "pathprefix(`/`)", "pathPrefix(`/`)", "Pathprefix(`/x`)", "Host()", "Host(``)", "ClientIP(`10.0.0.0/8`)",
		" && ", " || ", " && ", " || ", "!", "(", ")", "`", "&", "+",
	}
	rapid.Check(t, func(t *rapid.T) {
		text := strings.Join(rapid.SliceOfN(rapid.SampledFrom(pieces), 1, 6).Draw(t, "pieces"), "")
		_, want := traefik3(text, "v3")
		found := traefik.Lint(traefik.Ref{}, []string{"traefik.http.routers.x.rule=" + text}, traefik.Site{Generation: traefik.V3})
		if (want == nil) != (len(found) == 0) {
			t.Fatalf("%q: Traefik 3 says %v, we say %v", text, want, found)
		}
	})
}

// samples are values for annotations, where "1" would be none.
var samples = map[string]string{
	"traefik.enable": "true", "traefik.tags": "kubernetes", "traefik.protocol": "https",
	"traefik.frontend.rule":                                `HostRegexp:{sub:[a-z]+}.example.com;PathPrefixStrip:/x;AddPrefix:/y;Query:a={n:\\d+}`,
	"traefik.frontend.entryPoints":                         "http,https",
	"traefik.frontend.passHostHeader":                      "true",
	"traefik.frontend.redirect.permanent":                  "true",
	"traefik.frontend.redirect.regex":                      "^http://(.*)",
	"traefik.frontend.whiteList.sourceRange":               "10.0.0.0/8,::1/128",
	"traefik.frontend.whiteList.useXForwardedFor":          "true",
	"traefik.frontend.rateLimit.extractorFunc":             "client.ip",
	"traefik.frontend.rateLimit.rateSet.*.period":          "10s",
	"traefik.backend.loadbalancer.stickiness":              "true",
	"traefik.backend.loadbalancer.stickiness.sameSite":     "lax",
	"traefik.backend.circuitbreaker.expression":            "NetworkErrorRatio() > 0.5 || LatencyAtQuantileMS(50.0) > 50",
	"traefik.backend.maxconn.extractorfunc":                "client.ip",
	"traefik.backend.healthcheck.headers":                  "X-A:1||X-B:2",
	"traefik.frontend.headers.customRequestHeaders":        "X-A:1||X-B:2",
	"traefik.frontend.headers.customResponseHeaders":       "X-A:1",
	"traefik.frontend.headers.SSLProxyHeaders":             "X-Forwarded-Proto:https",
	"traefik.backend.loadbalancer":                         "wrr",
	"traefik.backend.loadbalancer.method":                  "wrr",
	"traefik.backend.responseForwarding.flushInterval":     "10ms",
	"traefik.backend.healthcheck.interval":                 "10s",
	"traefik.frontend.auth.basic.users":                    "test:$apr1$H6uskkkW$IgXLP6ewTrSuBkTrqE8wj/",
	"traefik.frontend.auth.digest.users":                   "test:traefik:a2688e031edb4be6a3797f3882655c05",
	"traefik.frontend.auth.forward.address":                "https://auth.example.com",
	"traefik.frontend.errors.*.status":                     "500-599",
	"traefik.frontend.errors.*.query":                      "/{status}.html",
	"traefik.frontend.auth.forward.tls.insecureSkipVerify": "true",
	"traefik.frontend.headers.contentSecurityPolicy":       "default-src 'self'; img-src *",
}

// Every annotation becomes tags that Traefik 3 decodes, one by one and all together.
func TestTraefik3DecodesEveryTag(t *testing.T) {
	var all []string
	for _, annotation := range traefik.Annotations() {
		value, ok := samples[annotation.Name]
		if !ok {
			value = "1"
		}
		tag := strings.ReplaceAll(annotation.Name, "*", "name") + "=" + value
		all = append(all, tag)
		decode(t, []string{tag, "traefik.frontend.rule=Host:a"})
	}
	decode(t, all)
	for _, leader := range []string{"auth.basic", "auth.forward"} { // of several only the first counts
		var some []string
		for _, tag := range all {
			if !strings.Contains(tag, ".auth.") || strings.Contains(tag, leader) || strings.Contains(tag, "headerField") {
				some = append(some, tag)
			}
		}
		decode(t, some)
	}
}

func decode(t *testing.T, tags []string) {
	t.Helper()
	site := traefik.Site{Generation: traefik.Both, TLSEntryPoints: []string{"https"}}
	labels := map[string]string{}
	for _, tag := range traefik.Translate(traefik.Ref{Namespace: "shop", Name: "cart"}, tags, site).Tags {
		if name, value, ok := strings.Cut(tag, "="); ok {
			labels[name] = value
		}
	}
	decoded, err := label.DecodeConfiguration(labels)
	if err != nil {
		t.Errorf("%s: %v", tags, err)
		return
	}
	for name, router := range decoded.HTTP.Routers {
		if _, err := traefik3(router.Rule, "v3"); err != nil {
			t.Errorf("router %s: %v", name, err)
		}
		if decoded.HTTP.Services[router.Service] == nil {
			t.Errorf("router %s: there is no service %q", name, router.Service)
		}
		for _, middleware := range router.Middlewares {
			if decoded.HTTP.Middlewares[middleware] == nil {
				t.Errorf("router %s: there is no middleware %q", name, middleware)
			}
		}
	}
	if len(decoded.HTTP.Routers) == 0 {
		t.Errorf("%s: no router", tags)
	}
}

// The customer's own Service, whose annotations are as they were for Traefik 1.7.
func TestEchoserverIsRoutedByTheCodeOfBoth(t *testing.T) {
	const annotation = "Host:echoserver.example.com,echo.example.com;Method:GET,POST"
	tags := traefik.Translate(traefik.Ref{Namespace: "default", Name: "echoserver"},
		[]string{"traefik.enable=true", "traefik.frontend.rule=" + annotation, "traefik.frontend.entryPoints=http,https"},
		traefik.Site{Generation: traefik.Both, TLSEntryPoints: []string{"https"}}).Tags
	one, err := traefik1(annotation)
	if err != nil {
		t.Fatal(err)
	}
	for _, router := range []string{"default_echoserver", "default_echoserver_tls"} {
		var expression string
		for _, tag := range tags {
			if rule, ok := strings.CutPrefix(tag, "traefik.http.routers."+router+".rule="); ok {
				expression = rule
			}
		}
		for _, syntax := range []string{"v2", "v3"} {
			three, err := traefik3(expression, syntax)
			if err != nil {
				t.Fatal(err)
			}
			for _, host := range []string{"echoserver.example.com", "echo.example.com", "example.com", "x.echo.example.com", "echo.example.com.evil"} {
				for _, method := range []string{"GET", "POST", "PUT", "DELETE", "HEAD"} {
					r := traefiktest.Request{Method: method, Host: host, Path: "/any"}
					want := (host == "echoserver.example.com" || host == "echo.example.com") && (method == "GET" || method == "POST")
					if one(r) != want || three(r) != want {
						t.Errorf("%s %s: Traefik 1.7 %t, %s %s %t, want %t", method, host, one(r), router, syntax, three(r), want)
					}
				}
			}
		}
	}
}
