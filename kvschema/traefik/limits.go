package traefik

import (
	"go/parser"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// circuitBreaker belongs to the service in Traefik 1.7 and to routers since.
func (f frontend) circuitBreaker() []string {
	name := "traefik.backend.circuitbreaker.expression"
	if _, ok := f.text(name); !ok {
		name = "traefik.backend.circuitbreaker"
	} else if _, ok := f.text("traefik.backend.circuitbreaker"); ok {
		f.lost("traefik.backend.circuitbreaker", "Traefik 1.7 ignores it beside traefik.backend.circuitbreaker.expression")
	}
	expression, ok := f.text(name)
	if !ok {
		return nil
	}
	if why := badBreaker(expression); why != "" {
		f.spoil(name, why)
		return nil
	}
	m := f.middleware(f.draft.router, "breaker")
	m.set("circuitbreaker.expression", expression)
	return []string{m.name}
}

// badBreaker looks for what none of the generations would take.
func badBreaker(expression string) string {
	if _, err := parser.ParseExpr(expression); err != nil {
		return "it does not parse: write as NetworkErrorRatio() > 0.5"
	}
	for _, call := range regexp.MustCompile(`([A-Za-z]+)\(`).FindAllStringSubmatch(expression, -1) {
		if !slices.Contains([]string{"NetworkErrorRatio", "LatencyAtQuantileMS", "ResponseCodeRatio"}, call[1]) {
			return call[1] + " is none of NetworkErrorRatio, LatencyAtQuantileMS and ResponseCodeRatio"
		}
	}
	return ""
}

func (f frontend) buffering() []string {
	const from = "traefik.backend.buffering."
	if !f.any(from) {
		return nil
	}
	m := f.middleware(f.draft.router, "buffering")
	for _, option := range []string{"maxRequestBodyBytes", "memRequestBodyBytes", "maxResponseBodyBytes", "memResponseBodyBytes"} {
		m.number("buffering."+lower(option), from+option)
	}
	m.text("buffering.retryexpression", from+"retryExpression")
	return m.ifMade()
}

// ifMade is the middleware's name, if anything was said of it.
func (m middleware) ifMade() []string {
	if !m.d.anyMade("traefik.http.middlewares." + m.name + ".") {
		return nil
	}
	return []string{m.name}
}

func (f frontend) maxConnections() []string {
	const amount, extractor = "traefik.backend.maxconn.amount", "traefik.backend.maxconn.extractorfunc"
	m := f.middleware(f.draft.router, "maxconn")
	number, ok := f.number(amount)
	if !ok || number == 0 {
		f.orphan(amount, extractor)
		return nil
	}
	by, ok := f.text(extractor)
	if !ok {
		by = "request.host"
	}
	if !m.source("inflightreq.", by) {
		f.spoil(extractor, "it is none of client.ip, request.host and request.header.NAME")
		return nil
	}
	m.set("inflightreq.amount", strconv.FormatInt(number, 10))
	return []string{m.name}
}

// source says by what requests are counted.
func (m middleware) source(prefix, extractor string) bool {
	header, isHeader := strings.CutPrefix(extractor, "request.header.")
	switch {
	case extractor == "client.ip":
		m.set(prefix+"sourcecriterion.ipstrategy.depth", "0")
	case extractor == "request.host":
		m.set(prefix+"sourcecriterion.requesthost", "true")
	case isHeader && header != "":
		m.set(prefix+"sourcecriterion.requestheadername", header)
	default:
		return false
	}
	return true
}

func (f frontend) rateLimits() []string {
	extractor := f.prefix + "rateLimit.extractorFunc"
	by, ok := f.text(extractor)
	sets := f.chosen("rateLimit.rateSet.")
	if !ok {
		for _, set := range sets {
			from := f.prefix + "rateLimit.rateSet." + set + "."
			f.orphan(from+"period", from+"average", from+"burst")
		}
		return nil
	}
	var chain []string
	for _, set := range sets {
		from := f.prefix + "rateLimit.rateSet." + set + "."
		m := f.middleware(f.router, "rate-"+plain(set))
		if !m.source("ratelimit.", by) {
			f.spoil(extractor, "it is none of client.ip, request.host and request.header.NAME")
			return nil
		}
		m.number("ratelimit.average", from+"average")
		m.number("ratelimit.burst", from+"burst")
		if period, ok := f.duration(from + "period"); ok {
			m.set("ratelimit.period", period)
		}
		chain = append(chain, m.name)
	}
	return chain
}
