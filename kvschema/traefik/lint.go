package traefik

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// The rules of [Lint], by the names under which their severity can be set.
const (
	RuleFreeze       = "v1-freeze"     // would freeze Traefik 1.7 for all services
	RuleV1Rule       = "v1-rule"       // Traefik 1.7 would drop the frontend
	RuleV1Name       = "v1-name"       // Traefik 1.7 does not read the annotation
	RuleV3Rule       = "v3-rule"       // Traefik 2 and 3 would drop the router
	RuleV3Lost       = "v3-lost"       // cannot be translated
	RuleV3Review     = "v3-review"     // is translated into something a little different
	RuleEnable       = "enable"        // traefik.enable is neither true nor false
	RuleConstraint   = "constraint"    // the constraint keeps the service away
	RuleDefaultRoute = "default-route" // Traefik makes up a route
	RuleConflict     = "conflict"      // another service defines the same name otherwise
)

// DefaultSeverities are those of all rules: refused is what harms other services.
func DefaultSeverities() map[string]Severity {
	return map[string]Severity{
		RuleFreeze: Refuse, RuleConflict: Refuse,
		RuleV1Rule: Warn, RuleV1Name: Warn, RuleV3Rule: Warn, RuleV3Lost: Warn,
		RuleEnable: Warn, RuleConstraint: Warn, RuleDefaultRoute: Warn,
		RuleV3Review: Off,
	}
}

// RuleMeanings says of each rule what it finds.
func RuleMeanings() map[string]string {
	return map[string]string{
		RuleFreeze:       "a value that makes Traefik 1.7 refuse every change of every service until it is gone",
		RuleConflict:     "a router, service or middleware that an older Service defines otherwise: Traefik 2 and 3 delete it for both; a frontend that two services have freezes Traefik 1.7",
		RuleV1Rule:       "a rule that Traefik 1.7 drops",
		RuleV1Name:       "an annotation that Traefik 1.7 does not read, such as one with another case",
		RuleV3Rule:       "a rule that Traefik 3 drops",
		RuleV3Lost:       "an annotation that has no counterpart in Traefik 2 and 3",
		RuleV3Review:     "an annotation that becomes something a little different",
		RuleEnable:       "a `traefik.enable` that not every Traefik reads",
		RuleConstraint:   "a Service that asks for routes but lacks the tag of the constraint",
		RuleDefaultRoute: "a Service without a rule, for which Traefik makes one up",
	}
}

// SeverityOf is how severe the findings of a rule are at this site.
func (s Site) SeverityOf(rule string) Severity {
	if severity, ok := s.Severities[rule]; ok {
		return severity
	}
	return DefaultSeverities()[rule]
}

// ParseSeverities reads a list such as "enable=off,default-route=refuse".
func ParseSeverities(list string) (map[string]Severity, error) {
	made := map[string]Severity{}
	for _, item := range splitList(list) {
		rule, severity, _ := strings.Cut(item, "=")
		if _, ok := DefaultSeverities()[rule]; !ok {
			return nil, fmt.Errorf("%q is no rule: use one of %s", rule, strings.Join(slices.Sorted(maps.Keys(DefaultSeverities())), ", "))
		}
		if !slices.Contains([]Severity{Refuse, Warn, Off}, Severity(severity)) {
			return nil, fmt.Errorf("%q is no severity of %s: use refuse, warn or off", severity, rule)
		}
		made[rule] = Severity(severity)
	}
	return made, nil
}

// Finding is something that Traefik would make of a service's tags and that
// nobody can have meant.
type Finding struct {
	// Rule is one of the names above.
	Rule string
	// Severity is never Off.
	Severity Severity
	// Tag is the name of the tag, empty if it is about all of them.
	Tag string
	// Text says what would happen and what to write instead.
	Text string
}

// String is one line.
func (f Finding) String() string {
	if f.Tag == "" {
		return f.Text + " (" + f.Rule + ")"
	}
	return f.Tag + ": " + f.Text + " (" + f.Rule + ")"
}

// Lint looks at the tags that a Service's annotations ask for, before they are
// translated.
func Lint(service Ref, tags []string, site Site) []Finding {
	l := linter{service: service, tags: tags, site: site}
	l.enable()
	if enabled(tags, !site.HiddenByDefault) {
		if site.Generation.v1() {
			l.v1()
		}
		if site.Generation.v3() {
			l.v3()
		}
		l.constraint()
	}
	return l.findings
}

type linter struct {
	service  Ref
	tags     []string
	site     Site
	findings []Finding
}

func (l *linter) find(rule, tag, text string) {
	if severity := l.site.SeverityOf(rule); severity != Off {
		l.findings = append(l.findings, Finding{Rule: rule, Severity: severity, Tag: tag, Text: text})
	}
}

func (l *linter) enable() {
	value, ok := attribute(l.tags, "traefik.enable")
	if _, err := strconv.ParseBool(value); ok && err != nil {
		l.find(RuleEnable, "traefik.enable", fmt.Sprintf("%q is no truth value: Traefik 1.7 ignores it, 2 and 3 skip the service; write true or false", value))
		return
	}
	if ok && value != "true" && value != "false" && l.site.HiddenByDefault && !l.site.Generation.v1() {
		return // it will be written out
	}
	if ok && l.site.Generation == V1 && value != "true" && value != "false" {
		l.find(RuleEnable, "traefik.enable", fmt.Sprintf("%q is read by Traefik 1.7 only: write true or false", value))
	}
}

// v1 looks for what Traefik 1.7 would choke on.
func (l *linter) v1() {
	routed := false
	for _, tag := range l.tags {
		name, value, ok := strings.Cut(tag, "=")
		if !ok || !strings.HasPrefix(lower(name), "traefik.") || native([]string{tag}) {
			continue
		}
		annotation, is := known(name)
		if !is {
			l.unknownName(name)
			continue
		}
		l.toml(annotation, name, value)
		if isRule(name) {
			routed = true
			l.v1Rule(name, value)
		}
	}
	if _, tagged := l.firstTagged(); tagged && !routed && !native(l.tags) {
		l.find(RuleDefaultRoute, "traefik.frontend.rule", "it is missing, and Traefik 1.7 makes up Host:SERVICE.DOMAIN: write the rule out, or traefik.enable: \"false\"")
	}
}

func isRule(name string) bool {
	return name == "traefik.frontend.rule" || strings.HasPrefix(name, "traefik.frontends.") && strings.HasSuffix(name, ".rule")
}

func (l *linter) unknownName(name string) {
	if strings.HasPrefix(lower(name), "traefik.consulcatalog.") {
		return
	}
	l.find(RuleV1Name, name, unknown(name))
}

// toml holds all that Traefik 1.7 pastes against the grammar of TOML.
func (l *linter) toml(annotation Annotation, name, value string) {
	if !annotation.text {
		return
	}
	text, err := Unescape(value)
	if err != nil {
		l.find(RuleFreeze, name, "Traefik 1.7 would take no change of any service any more: "+err.Error())
		return
	}
	if strings.HasSuffix(annotation.Name, "eaders") && strings.Contains(text, ":") {
		for pair := range strings.SplitSeq(text, "||") {
			if key, _, ok := strings.Cut(pair, ":"); ok && !isToken(strings.TrimSpace(key)) {
				l.find(RuleFreeze, name, fmt.Sprintf("Traefik 1.7 would take no change of any service any more: %q is no name of a header", strings.TrimSpace(key)))
			}
		}
	}
	if segment, ok := strings.CutPrefix(name, "traefik.frontends."); ok {
		if segment, _, _ = strings.Cut(segment, "."); strings.ContainsAny(segment, `"\`) {
			l.find(RuleFreeze, name, "Traefik 1.7 would take no change of any service any more: leave quotes and backslashes out of the name")
		}
	}
}

func (l *linter) v1Rule(name, value string) {
	text, err := Unescape(value)
	if err != nil || strings.TrimSuffix(text, ".") == "" || strings.Contains(text, "{{") {
		return // said already, or for Traefik 1.7 to expand
	}
	rule, err := ParseRule(strings.TrimSuffix(text, "."))
	if err == nil {
		err = rule.compiles()
	}
	if errors.Is(err, errEmpty) {
		l.find(RuleFreeze, name, "Traefik 1.7 would stumble and take no change of any service any more: write a rule")
		return
	}
	if err != nil {
		l.find(RuleV1Rule, name, "Traefik 1.7 would drop the frontend: "+err.Error())
	}
}

// compiles looks into the templates and expressions of a rule.
func (rule Rule) compiles() error {
	for _, term := range rule {
		for _, argument := range term.Arguments {
			var err error
			switch term.Name {
			case "HostRegexp":
				_, err = expand(argument, inHost)
			case "Path", "PathStrip", "PathStripRegex", "PathPrefix", "PathPrefixStrip", "PathPrefixStripRegex":
				_, err = pathMatcher("Path", "")(argument)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}
