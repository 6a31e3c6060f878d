package config

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// FindingRules returns the rules whose severity can be set. They are those of
// kvschema/traefik, which this package does not import.
func FindingRules() []string {
	return []string{
		"conflict", "constraint", "default-route", "enable",
		"v1-freeze", "v1-name", "v1-rule", "v3-lost", "v3-review", "v3-rule",
	}
}

func severity(rule, severity string) error {
	switch {
	case !slices.Contains(FindingRules(), rule):
		return fmt.Errorf("%q is not a rule: use %s", rule, strings.Join(FindingRules(), ", "))
	case rule == "conflict" && severity == "warn":
		return fmt.Errorf("conflict cannot be a warning, since both would be dropped: use refuse or off")
	case !slices.Contains([]string{"refuse", "warn", "off"}, severity):
		return fmt.Errorf("%q is not a severity of %s: use refuse, warn or off", severity, rule)
	}
	return nil
}

func entryPoint(name string) (string, error) {
	if strings.ContainsFunc(name, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) || r == ',' }) {
		return "", fmt.Errorf("%q is not the name of an entry point", name)
	}
	return name, nil
}
