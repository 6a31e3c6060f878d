package traefik_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/k8s-registrar/k8s-registrar/kvschema/traefik"
)

var shop = traefik.Ref{Namespace: "shop", Name: "cart"}

func site(generation traefik.Generation) traefik.Site {
	return traefik.Site{Generation: generation, TLSEntryPoints: []string{"https"}}
}

// tagsOf makes tags out of lines such as "frontend.rule=Host:a".
func tagsOf(lines ...string) []string {
	var tags []string
	for _, line := range lines {
		tags = append(tags, "traefik."+line)
	}
	return tags
}

// verdictsOf writes the verdicts as "kind annotation".
func verdictsOf(verdicts []traefik.Verdict) string {
	var lines []string
	for _, verdict := range verdicts {
		lines = append(lines, string(verdict.Kind)+" "+strings.TrimPrefix(verdict.Annotation, "traefik."))
	}
	return strings.Join(lines, ", ")
}

// added are the tags that a translation made, without what every one has.
func added(tags []string) string {
	ordinary := []string{
		"traefik.http.routers.shop_cart.rule=Host(`a`)",
		"traefik.http.routers.shop_cart.priority=6",
		"traefik.http.routers.shop_cart.service=shop_cart",
		"traefik.http.services.shop_cart.loadbalancer.passhostheader=true",
	}
	var made []string
	for _, tag := range tags {
		if !slices.Contains(ordinary, tag) {
			tag = strings.ReplaceAll(tag, "traefik.http.routers.shop_cart", "R")
			tag = strings.ReplaceAll(tag, "traefik.http.services.shop_cart.loadbalancer", "S")
			tag = strings.ReplaceAll(tag, "traefik.http.middlewares.shop_cart", "M")
			made = append(made, tag)
		}
	}
	return strings.Join(made, "\n")
}

func TestEveryRowOfTheTable(t *testing.T) {
	for _, test := range []struct {
		name     string
		tags     []string
		want     string // besides the ordinary rule; R, S and M stand for the beginnings
		verdicts string // besides the rule's
	}{
		{"enable", []string{"enable=1"}, "traefik.enable=true", "clean enable"},
		{"tags", []string{"tags=blue, green"}, "blue\ngreen", "review tags"},
		{"protocol", []string{"protocol=https"}, "S.server.scheme=https", "clean protocol"},
		{"protocol of nobody", []string{"protocol=ftp"}, "", "lost protocol"},
		{"protocol of any case", []string{"Protocol=h2c"}, "S.server.scheme=h2c", "clean Protocol"},
		{"weight", []string{"weight=10"}, "S.server.weight=10", "review weight"},
		{"backend.weight", []string{"backend.weight=10", "weight=3"}, "S.server.weight=10", "review backend.weight, lost weight"},
		{"weight that is none", []string{"weight=much"}, "", "lost weight"},
		{"wrr", []string{"backend.loadbalancer=wrr"}, "", "clean backend.loadbalancer"},
		{"drr", []string{"backend.loadbalancer.method=drr"}, "", "lost backend.loadbalancer.method"},
		{"sticky", []string{"backend.loadbalancer.sticky=true"}, "S.sticky.cookie=true", "clean backend.loadbalancer.sticky"},
		{
			"stickiness",
			[]string{
				"backend.loadbalancer.stickiness=true", "backend.loadbalancer.stickiness.cookieName=c",
				"backend.loadbalancer.stickiness.secure=true", "backend.loadbalancer.stickiness.httpOnly=true",
				"backend.loadbalancer.stickiness.sameSite=lax",
			},
			"S.sticky.cookie.httponly=true\nS.sticky.cookie.name=c\nS.sticky.cookie.samesite=lax\nS.sticky.cookie.secure=true",
			"clean backend.loadbalancer.stickiness, clean backend.loadbalancer.stickiness.cookieName, clean backend.loadbalancer.stickiness.httpOnly, clean backend.loadbalancer.stickiness.sameSite, clean backend.loadbalancer.stickiness.secure",
		},
		{"cookie without stickiness", []string{"backend.loadbalancer.stickiness.cookieName=c"}, "", "lost backend.loadbalancer.stickiness.cookieName"},
		{
			"healthcheck",
			[]string{
				"backend.healthcheck.path=/up", "backend.healthcheck.port=81", "backend.healthcheck.interval=10",
				"backend.healthcheck.scheme=https", "backend.healthcheck.hostname=h", "backend.healthcheck.headers=X-A:b||X-C:d",
			},
			"S.healthcheck.headers.X-A=b\nS.healthcheck.headers.X-C=d\nS.healthcheck.hostname=h\nS.healthcheck.interval=10s\nS.healthcheck.path=/up\nS.healthcheck.port=81\nS.healthcheck.scheme=https",
			"clean backend.healthcheck.headers, clean backend.healthcheck.hostname, clean backend.healthcheck.interval, clean backend.healthcheck.path, clean backend.healthcheck.port, clean backend.healthcheck.scheme",
		},
		{"healthcheck without path", []string{"backend.healthcheck.port=81"}, "", "lost backend.healthcheck.port"},
		{
			"circuitbreaker", []string{"backend.circuitbreaker.expression=NetworkErrorRatio() > 0.5"},
			"M_breaker.circuitbreaker.expression=NetworkErrorRatio() > 0.5\nR.middlewares=shop_cart_breaker",
			"clean backend.circuitbreaker.expression",
		},
		{"circuitbreaker that is none", []string{"backend.circuitbreaker=Weather() > 1"}, "", "lost backend.circuitbreaker"},
		{
			"maxconn", []string{"backend.maxconn.amount=10", "backend.maxconn.extractorfunc=client.ip"},
			"M_maxconn.inflightreq.amount=10\nM_maxconn.inflightreq.sourcecriterion.ipstrategy.depth=0\nR.middlewares=shop_cart_maxconn",
			"review backend.maxconn.amount, review backend.maxconn.extractorfunc",
		},
		{
			"maxconn by default", []string{"backend.maxconn.amount=10"},
			"M_maxconn.inflightreq.amount=10\nM_maxconn.inflightreq.sourcecriterion.requesthost=true\nR.middlewares=shop_cart_maxconn",
			"review backend.maxconn.amount",
		},
		{
			"buffering", []string{"backend.buffering.maxRequestBodyBytes=1024", "backend.buffering.retryExpression=IsNetworkError()"},
			"M_buffering.buffering.maxrequestbodybytes=1024\nM_buffering.buffering.retryexpression=IsNetworkError()\nR.middlewares=shop_cart_buffering",
			"clean backend.buffering.maxRequestBodyBytes, clean backend.buffering.retryExpression",
		},
		{"responseForwarding", []string{"backend.responseForwarding.flushInterval=10ms"}, "S.responseforwarding.flushinterval=10ms", "clean backend.responseForwarding.flushInterval"},
		{"priority", []string{"frontend.priority=7"}, "R.priority=7", "clean frontend.priority"},
		{"passHostHeader", []string{"frontend.passHostHeader=false"}, "S.passhostheader=false", "clean frontend.passHostHeader"},
		{
			"basic", []string{"frontend.auth.basic.users=a:b, c:d", "frontend.auth.basic.removeHeader=true", "frontend.auth.headerField=X-User"},
			"M_auth.basicauth.headerfield=X-User\nM_auth.basicauth.removeheader=true\nM_auth.basicauth.users=a:b,c:d\nR.middlewares=shop_cart_auth",
			"clean frontend.auth.basic.removeHeader, clean frontend.auth.basic.users, clean frontend.auth.headerField",
		},
		{"old basic", []string{"frontend.auth.basic=a:b"}, "M_auth.basicauth.users=a:b\nR.middlewares=shop_cart_auth", "clean frontend.auth.basic"},
		{
			"digest", []string{"frontend.auth.digest.users=a:r:b", "frontend.auth.forward.address=http://x"},
			"M_auth.digestauth.users=a:r:b\nR.middlewares=shop_cart_auth",
			"clean frontend.auth.digest.users, lost frontend.auth.forward.address",
		},
		{
			"forward",
			[]string{
				"frontend.auth.forward.address=https://auth", "frontend.auth.forward.authResponseHeaders=A,B",
				"frontend.auth.forward.trustForwardHeader=true", "frontend.auth.forward.tls.insecureSkipVerify=true", "frontend.auth.forward.tls.caOptional=true",
			},
			"M_auth.forwardauth.address=https://auth\nM_auth.forwardauth.authresponseheaders=A,B\nM_auth.forwardauth.tls.insecureskipverify=true\nM_auth.forwardauth.trustforwardheader=true\nR.middlewares=shop_cart_auth",
			"clean frontend.auth.forward.address, clean frontend.auth.forward.authResponseHeaders, lost frontend.auth.forward.tls.caOptional, clean frontend.auth.forward.tls.insecureSkipVerify, clean frontend.auth.forward.trustForwardHeader",
		},
		{
			"redirect regex", []string{"frontend.redirect.regex=^http://a/(.*)", "frontend.redirect.replacement=http://b/$1", "frontend.redirect.permanent=true"},
			"M_redirect.redirectregex.permanent=true\nM_redirect.redirectregex.regex=^http://a/(.*)\nM_redirect.redirectregex.replacement=http://b/$1\nR.middlewares=shop_cart_redirect",
			"clean frontend.redirect.permanent, clean frontend.redirect.regex, clean frontend.redirect.replacement",
		},
		{"half a redirect", []string{"frontend.redirect.regex=^http://a/(.*)"}, "", "lost frontend.redirect.regex"},
		{
			"redirect to an entry point", []string{"frontend.redirect.entryPoint=https"},
			"M_redirect.redirectscheme.scheme=https\nR.middlewares=shop_cart_redirect", "review frontend.redirect.entryPoint",
		},
		{
			"headers",
			[]string{
				"frontend.headers.customRequestHeaders=X-A:1||X-B: 2", "frontend.headers.customResponseHeaders=X-C:", "frontend.headers.allowedHosts=a,b",
				"frontend.headers.STSSeconds=60", "frontend.headers.frameDeny=true", "frontend.headers.browserXSSFilter=false", "frontend.headers.referrerPolicy=no-referrer",
			},
			"M_headers.headers.allowedhosts=a,b\nM_headers.headers.customrequestheaders.X-A=1\nM_headers.headers.customrequestheaders.X-B=2\nM_headers.headers.customresponseheaders.X-C=\nM_headers.headers.framedeny=true\nM_headers.headers.referrerpolicy=no-referrer\nM_headers.headers.stsseconds=60\nR.middlewares=shop_cart_headers",
			"clean frontend.headers.STSSeconds, clean frontend.headers.allowedHosts, clean frontend.headers.browserXSSFilter, clean frontend.headers.customRequestHeaders, clean frontend.headers.customResponseHeaders, clean frontend.headers.frameDeny, clean frontend.headers.referrerPolicy",
		},
		{
			"SSL headers", []string{"frontend.headers.SSLRedirect=true", "frontend.headers.SSLHost=x"},
			"M_ssl.redirectscheme.permanent=true\nM_ssl.redirectscheme.scheme=https\nR.middlewares=shop_cart_ssl",
			"lost frontend.headers.SSLHost, review frontend.headers.SSLRedirect",
		},
		{
			"whiteList", []string{"frontend.whiteList.sourceRange=10.0.0.0/8, ::1/128", "frontend.whiteList.useXForwardedFor=true"},
			"M_allow.ipallowlist.ipstrategy.depth=1\nM_allow.ipallowlist.sourcerange=10.0.0.0/8,::1/128\nR.middlewares=shop_cart_allow",
			"clean frontend.whiteList.sourceRange, review frontend.whiteList.useXForwardedFor",
		},
		{"old whiteList", []string{"frontend.whitelistSourceRange=10.0.0.0/8"}, "M_allow.ipallowlist.sourcerange=10.0.0.0/8\nR.middlewares=shop_cart_allow", "clean frontend.whitelistSourceRange"},
		{
			"errors", []string{"frontend.errors.net.backend=Pages", "frontend.errors.net.query=/{status}.html", "frontend.errors.net.status=500-599,404"},
			"M_errors-net.errors.query=/{status}.html\nM_errors-net.errors.service=shop_pages\nM_errors-net.errors.status=500-599,404\nR.middlewares=shop_cart_errors-net",
			"review frontend.errors.net.backend, review frontend.errors.net.query, review frontend.errors.net.status",
		},
		{
			"rateLimit", []string{"frontend.rateLimit.extractorFunc=request.header.X-Key", "frontend.rateLimit.rateSet.a.average=5", "frontend.rateLimit.rateSet.a.burst=10", "frontend.rateLimit.rateSet.a.period=3s"},
			"M_rate-a.ratelimit.average=5\nM_rate-a.ratelimit.burst=10\nM_rate-a.ratelimit.period=3s\nM_rate-a.ratelimit.sourcecriterion.requestheadername=X-Key\nR.middlewares=shop_cart_rate-a",
			"review frontend.rateLimit.extractorFunc, review frontend.rateLimit.rateSet.a.average, review frontend.rateLimit.rateSet.a.burst, review frontend.rateLimit.rateSet.a.period",
		},
		{"passTLSCert", []string{"frontend.passTLSCert=true"}, "", "lost frontend.passTLSCert"},
		{
			"passTLSClientCert", []string{"frontend.passTLSClientCert.pem=true", "frontend.passTLSClientCert.infos.subject.commonName=true"},
			"M_cert.passtlsclientcert.info.subject.commonname=true\nM_cert.passtlsclientcert.pem=true\nR.middlewares=shop_cart_cert",
			"review frontend.passTLSClientCert.infos.subject.commonName, review frontend.passTLSClientCert.pem",
		},
		{"backend", []string{"backend=other", "backend.id=x", "port=80", "domain=x"}, "", "lost backend, lost backend.id, lost domain, lost port"},
		{"wrong case", []string{"frontend.entrypoints=http"}, "", "lost frontend.entrypoints"},
		{"entryPoints", []string{"frontend.entryPoints=http"}, "R.entrypoints=http", "review frontend.entryPoints"},
		{"entryPoints with TLS", []string{"frontend.entryPoints=https"}, "R.entrypoints=https\nR.tls=true", "review frontend.entryPoints"},
		{
			"several frontends", []string{"frontends.api.rule=PathPrefixStrip:/api", "frontends.api.priority=9"},
			"M__api_strip.stripprefix.prefixes=/api\nR__api.middlewares=shop_cart__api_strip\nR__api.priority=9\nR__api.rule=PathPrefix(`/api`)\nR__api.service=shop_cart",
			"clean frontends.api.priority, clean frontends.api.rule",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			tags := append(tagsOf(test.tags...), "traefik.frontend.rule=Host:a")
			got := traefik.Translate(shop, tags, site(traefik.V3))
			if diff := cmp.Diff(test.want, added(got.Tags)); diff != "" {
				t.Errorf("tags (-want +got):\n%s", diff)
			}
			verdicts := slices.DeleteFunc(slices.Clone(got.Verdicts), func(v traefik.Verdict) bool { return v.Annotation == "traefik.frontend.rule" })
			if diff := cmp.Diff(test.verdicts, verdictsOf(verdicts)); diff != "" {
				t.Errorf("verdicts (-want +got):\n%s", diff)
			}
			for _, verdict := range got.Verdicts {
				if verdict.Kind != traefik.Clean && verdict.Why == "" {
					t.Errorf("%s is %s for no reason", verdict.Annotation, verdict.Kind)
				}
			}
		})
	}
}

// sorted sorts a copy.
func sorted(list []string) []string { return slices.Sorted(slices.Values(list)) }
