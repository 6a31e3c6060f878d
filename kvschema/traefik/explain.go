package traefik

import (
	"fmt"
	"slices"
	"strings"
)

// Outcome is what one generation of Traefik makes of a service.
type Outcome struct {
	// Traefik is "1.7", "2" or "3".
	Traefik string `json:"traefik"`
	// Routed tells whether requests can reach the service through it.
	Routed bool `json:"routed"`
	// Why says why not, or what is remarkable.
	Why string `json:"why,omitempty"`
	// Routers are those that will exist.
	Routers []Router `json:"routers,omitempty"`
	// Servers says what the requests are sent to.
	Servers string `json:"servers,omitempty"`
}

// Explain says what Traefik 1.7, 2 and 3 make of a service in Consul by its tags,
// as long as its check passes. The entry points are taken to exist.
func Explain(service string, tags []string, site Site) []Outcome {
	return []Outcome{explain1(service, tags, site), explain23("2", service, tags, site), explain23("3", service, tags, site)}
}

// filtered says why a generation does not look at a service at all.
func filtered(tags, seen []string, site Site) string {
	switch {
	case !enabled(tags, !site.HiddenByDefault):
		if _, said := attribute(tags, "traefik.enable"); said {
			return "traefik.enable says no"
		}
		return "exposedByDefault is false and traefik.enable=true is missing"
	case site.Constraint != "" && !slices.Contains(seen, site.Constraint):
		return fmt.Sprintf("the constraint asks for the tag %s", site.Constraint)
	}
	return ""
}

// Disabled is the tag by which every generation passes over a service.
const Disabled = "traefik.enable=false"

// Exposes tells whether a Traefik of the generation in use would make up a route for a
// service whose tags say nothing to it.
func Exposes(tags []string, site Site) bool {
	return site.Generation.v1() && filtered(tags, constraintTags(tags), site) == "" ||
		site.Generation.v3() && filtered(tags, tags, site) == ""
}

func explain1(service string, tags []string, site Site) Outcome {
	outcome := Outcome{Traefik: "1.7"}
	if why := filtered(tags, constraintTags(tags), site); why != "" {
		outcome.Why = why
		return outcome
	}
	l := linter{tags: tags, site: Site{Severities: map[string]Severity{RuleV1Name: Off, RuleDefaultRoute: Off, RuleV1Rule: Off}}}
	l.v1()
	if len(l.findings) > 0 {
		outcome.Why = l.findings[0].Tag + ": " + l.findings[0].Text
		return outcome
	}
	for _, prefix := range append([]string{""}, segments(tags)...) {
		outcome.Routers = append(outcome.Routers, frontend1(service, prefix, tags))
	}
	protocol, ok := attribute(tags, "traefik.protocol")
	if !ok {
		protocol = "http"
	}
	outcome.Servers = protocol + "://ADDRESS:PORT of each node whose check passes"
	outcome.Routed = slices.ContainsFunc(outcome.Routers, func(r Router) bool { return r.Problem == "" })
	return outcome
}

// frontend1 is a frontend of Traefik 1.7. The first one exists even if only
// others were asked for.
func frontend1(service, segment string, tags []string) Router {
	prefix, name := "traefik.frontend.", lower(service)
	if segment != "" {
		prefix, name = "traefik.frontends."+segment+".", name+"-"+segment
	}
	router := Router{Name: "frontend-" + name, Service: "backend-" + lower(service)}
	for _, tag := range tags {
		key, value, _ := strings.Cut(tag, "=")
		switch key {
		case prefix + "rule":
			router.Rule, _ = Unescape(value)
		case prefix + "entryPoints":
			router.EntryPoints = splitList(value)
		}
	}
	if router.Rule == "" {
		router.Rule = "Host:" + service + ".DOMAIN (made up by Traefik: there is no " + prefix + "rule)"
		return router
	}
	if strings.Contains(router.Rule, "{{") {
		return router
	}
	rule, err := ParseRule(strings.TrimSuffix(router.Rule, "."))
	if err == nil {
		err = rule.compiles()
	}
	if err != nil {
		router.Problem = "Traefik drops the frontend: " + err.Error()
	}
	return router
}

// explain23 knows how the two differ: in their matchers.
func explain23(version, service string, tags []string, site Site) Outcome {
	outcome := Outcome{Traefik: version}
	if why := filtered(tags, tags, site); why != "" {
		outcome.Why = why
		return outcome
	}
	if value, ok := attribute(tags, "traefik.enable"); ok && value != "true" && site.HiddenByDefault {
		outcome.Why = "exposedByDefault is false, and then it takes no other spelling than traefik.enable=true"
		return outcome
	}
	if tag, unknown := onlyV3(tags); unknown && version == "2" {
		outcome.Why = "it skips a service with a tag that it does not know: " + tag
		return outcome
	}
	outcome.Routers = routersOf(tags)
	if len(outcome.Routers) == 0 {
		outcome.Why = "no tag defines a router: it takes the default rule, by default Host(`" + plain(service) + "`)"
		outcome.Routers = []Router{{Name: plain(service), Rule: "the default rule", protocol: "http"}}
	}
	number := int(version[0] - '0')
	for i := range outcome.Routers {
		outcome.Routers[i].complete(service, tags, number)
	}
	outcome.Routed = slices.ContainsFunc(outcome.Routers, func(r Router) bool { return r.Problem == "" })
	outcome.Servers = "ADDRESS:PORT of each node whose check passes or warns"
	return outcome
}

// onlyV3 finds an option of Traefik 3 that Traefik 2 chokes on.
func onlyV3(tags []string) (name string, found bool) {
	for _, tag := range tags {
		name, _, _ := strings.Cut(tag, "=")
		if what, _, ok := defined(tag); ok && what.kind == "http service" &&
			(strings.HasSuffix(lower(name), ".loadbalancer.server.weight") || strings.HasSuffix(lower(name), ".loadbalancer.strategy")) {
			return name, true
		}
	}
	return "", false
}

// complete fills in what Traefik does, and says what is wrong.
func (r *Router) complete(service string, tags []string, version int) {
	if r.Service == "" {
		r.Service = linked(r.protocol, service, tags)
	}
	if r.rule == "" {
		if r.Rule == "" {
			r.Rule = "the default rule"
		}
		return
	}
	if r.protocol == "udp" || version == 3 && r.syntax == "v2" {
		return
	}
	if err := checkExpression(r.rule, matchersOf(r.protocol, version)); err != nil {
		r.Problem = "Traefik drops the router: " + err.Error()
	}
}

// linked is the service that a router gets which names none.
func linked(protocol, service string, tags []string) string {
	names := map[string]bool{}
	var last string
	for _, tag := range tags {
		if what, _, ok := defined(tag); ok && what.kind == protocol+" service" {
			names[what.name] = true
			last = what.name
		}
	}
	switch len(names) {
	case 0:
		return plain(service)
	case 1:
		return last
	default:
		return "(none: it must name one of several)"
	}
}
