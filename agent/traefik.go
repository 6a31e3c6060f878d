package agent

import (
	"github.com/k8s-registrar/k8s-registrar/config"
	"github.com/k8s-registrar/k8s-registrar/kvschema/traefik"
)

// SiteOf is what the operator said of the site's Traefiks.
func SiteOf(t config.Traefik) traefik.Site {
	site := traefik.Site{
		Generation:      traefik.Generation(t.Generation),
		Constraint:      t.Constraint,
		HiddenByDefault: !t.ExposedByDefault,
		TLSEntryPoints:  t.TLSEntryPoints,
		Severities:      map[string]traefik.Severity{},
	}
	for rule, severity := range t.Severity {
		site.Severities[rule] = traefik.Severity(severity)
	}
	return site
}
