package traefik

import (
	"fmt"
	"slices"
	"strings"
)

// v3 looks for what Traefik 2 and 3 would make of the translation.
func (l *linter) v3() {
	translation := Translate(l.service, l.tags, l.site)
	for _, verdict := range translation.Verdicts {
		switch {
		case verdict.Kind == Lost && isRule(verdict.Annotation) && strings.HasPrefix(verdict.Why, "it is missing"):
			// said below, if it matters
		case verdict.Kind == Lost:
			l.find(RuleV3Lost, verdict.Annotation, "Traefik 2 and 3 do without: "+verdict.Why)
		case verdict.Kind == Review:
			l.find(RuleV3Review, verdict.Annotation, verdict.Why)
		}
	}
	routed := false
	for _, router := range routersOf(translation.Tags) {
		routed = true
		l.v3Rule(router)
	}
	if !routed && l.passes(translation.Tags) {
		l.find(RuleDefaultRoute, "", "it has no rule for Traefik 2 and 3, which give it their default rule: write traefik.frontend.rule, or traefik.enable: \"false\"")
	}
}

func (l *linter) v3Rule(router Router) {
	if router.rule == "" {
		if router.protocol != "udp" {
			l.find(RuleDefaultRoute, router.tag("rule"), "it is missing, and Traefik 2 and 3 take their default rule: write it out")
		}
		return
	}
	if router.protocol == "udp" || router.syntax == "v2" {
		return
	}
	if err := checkExpression(router.rule, matchersOf(router.protocol, 3)); err != nil {
		l.find(RuleV3Rule, router.tag("rule"), "Traefik 3 would drop the router: "+err.Error())
	}
}

// passes tells whether Traefik 2 and 3 see the tag that their constraint asks for.
func (l *linter) passes(tags []string) bool {
	return l.site.Constraint == "" || slices.Contains(tags, l.site.Constraint)
}

// constraint looks at services that ask for something and are not seen.
func (l *linter) constraint() {
	first, tagged := l.firstTagged()
	if l.site.Constraint == "" || !tagged {
		return
	}
	if l.site.Generation.v1() && !native(l.tags) && !slices.Contains(constraintTags(l.tags), l.site.Constraint) {
		l.find(RuleConstraint, first, fmt.Sprintf("Traefik 1.7 will not see the service: write traefik.tags: %q", l.site.Constraint))
	}
	if l.site.Generation.v3() && !l.passes(Translate(l.service, l.tags, l.site).Tags) {
		l.find(RuleConstraint, first, fmt.Sprintf("Traefik 2 and 3 will not see the service: write traefik.tags: %q or tags: %q", l.site.Constraint, l.site.Constraint))
	}
}

// firstTagged is the first tag that is for Traefik, but for traefik.enable.
func (l *linter) firstTagged() (name string, ok bool) {
	for _, tag := range l.tags {
		name, _, _ := strings.Cut(tag, "=")
		if strings.HasPrefix(lower(name), "traefik.") && !strings.EqualFold(name, "traefik.enable") {
			return name, true
		}
	}
	return "", false
}
