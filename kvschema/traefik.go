package kvschema

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"

	"github.com/k8s-registrar/k8s-registrar/kvschema/traefik"
)

// readTraefik turns the tags for Traefik into those of the site's generation, and looks
// beforehand for what Traefik would make of them.
func (d *draft) readTraefik() error {
	if d.site.Generation == "" {
		return nil
	}
	s := &d.service
	who := traefik.Ref{Namespace: s.Namespace, Name: s.Name}
	asked := set(slices.Concat(s.Tags, s.Traefik))
	for _, finding := range traefik.Lint(who, asked, d.site) {
		if finding.Severity == traefik.Refuse {
			return errors.New(finding.String())
		}
		s.Warnings = append(s.Warnings, finding.String())
	}
	// What a tag of Traefik 1.7 becomes is for its port only, even if it is a plain tag:
	// on another port it would meet a constraint and ask for a route.
	announced := traefik.Translate(who, asked, d.site).Tags
	s.Traefik = slices.DeleteFunc(announced, func(tag string) bool { return slices.Contains(s.Tags, tag) })
	s.Hidden = len(s.Traefik) > 0 && traefik.Exposes(s.Tags, d.site)
	if d.site.SeverityOf(traefik.RuleConflict) == traefik.Off {
		return nil
	}
	for _, definition := range traefik.Definitions(s.NameOf(s.TraefikPort), s.TagsOf(s.TraefikPort), d.site) {
		digest := sha256.Sum256([]byte(definition.Is))
		s.Defines = append(s.Defines, Claim{Kind: definition.Kind, Name: definition.Name, As: hex.EncodeToString(digest[:8])})
	}
	return nil
}
