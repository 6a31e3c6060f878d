package kvschema

import (
	"fmt"
	"slices"
	"strings"

	"github.com/k8s-registrar/k8s-registrar/kvschema/traefik"
)

// warnOfHalves tells of tags that were one before a list was split at its commas, as it
// happens to a rule for Traefik. Nobody can know, so they are announced.
func (d *draft) warnOfHalves(path string, tags []string) {
	for i, tag := range tags[:max(0, len(tags)-1)] {
		if next := tags[i+1]; torn(tag, next) {
			d.service.Warnings = append(d.service.Warnings,
				fmt.Sprintf(`%s: %s looks like the rest of %s: write \, for a comma that is part of a tag`, place(path), quote(next), quote(tag)))
			return // the rest is the same mistake
		}
	}
}

// torn tells whether a tag for Traefik goes on in the one behind it: something that it
// opens is not closed, or what follows is more of a rule.
func torn(tag, next string) bool {
	name, value, ok := strings.Cut(tag, "=")
	if !ok || !forTraefik(tag) || forTraefik(next) || traefik.Secret(name) {
		return false // nor is a password shown
	}
	open := strings.Count(value, "(") > strings.Count(value, ")") || strings.Count(value, "{") > strings.Count(value, "}") || strings.Count(value, "`")%2 == 1
	return open || strings.HasSuffix(strings.ToLower(name), "rule") && moreOfARule(next)
}

// moreOfARule knows hosts, paths, matchers and methods.
func moreOfARule(text string) bool {
	methods := []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
	return strings.ContainsAny(text, ".;:/(`") || slices.Contains(methods, text)
}
