package agent

import (
	"github.com/k8s-registrar/k8s-registrar/config"
	"github.com/k8s-registrar/k8s-registrar/kvschema"
	"github.com/k8s-registrar/k8s-registrar/kvschema/traefik"
)

// ReaderOf reads the tree as the operator said. Whoever judges values without being the
// daemon, as a command before it writes them, has to read them by this.
func ReaderOf(cfg config.Config) kvschema.Reader {
	return kvschema.NewReader(kvschema.Prefix(cfg.KeyPath), kvschema.Rules(cfg.Services)).For(SiteOf(cfg.Traefik))
}

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
