package traefik

import (
	"maps"
	"slices"
	"strings"
)

// Router is what Traefik will match requests by.
type Router struct {
	// Name is the router's, or in Traefik 1.7 the frontend's.
	Name string `json:"name"`
	// Rule is in the grammar of the generation.
	Rule string `json:"rule"`
	// EntryPoints are the names of those it listens at, none for the default.
	EntryPoints []string `json:"entry_points,omitempty"`
	// TLS tells whether it takes encrypted requests only (Traefik 2 and 3).
	TLS bool `json:"tls,omitempty"`
	// Middlewares are in the order in which a request meets them.
	Middlewares []string `json:"middlewares,omitempty"`
	// Service is where requests go; a backend in Traefik 1.7.
	Service string `json:"service"`
	// Problem says why it will not work, empty if it will.
	Problem string `json:"problem,omitempty"`

	protocol, rule, syntax string
}

func (r Router) tag(option string) string {
	return "traefik." + r.protocol + ".routers." + r.Name + "." + option
}

// routersOf reads the routers of Traefik 2 and 3 from tags, sorted.
func routersOf(tags []string) []Router {
	found := map[thing]Router{}
	for _, tag := range tags {
		what, option, ok := defined(tag)
		protocol, isRouter := strings.CutSuffix(what.kind, " router")
		if !ok || !isRouter {
			continue
		}
		router := found[what]
		router.protocol, router.Name = protocol, what.name
		key, value, _ := strings.Cut(option, "=")
		router.option(key, value)
		found[what] = router
	}
	var made []Router
	for _, what := range slices.SortedFunc(maps.Keys(found), thing.compare) {
		made = append(made, found[what])
	}
	return made
}

func (r *Router) option(key, value string) {
	switch {
	case key == "rule":
		r.Rule, r.rule = value, value
	case key == "rulesyntax":
		r.syntax = value
	case key == "entrypoints":
		r.EntryPoints = splitList(value)
	case key == "middlewares":
		r.Middlewares = splitList(value)
	case key == "service":
		r.Service = value
	case key == "tls" || strings.HasPrefix(key, "tls."):
		r.TLS = value != "false"
	}
}
