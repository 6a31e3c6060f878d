package traefik

import (
	"cmp"
	"maps"
	"slices"
	"strings"
)

// Definition is something that a service's tags define for all of Traefik.
type Definition struct {
	// Kind is as "http router", or "frontend" for one of Traefik 1.7.
	Kind string
	// Name is what it is called.
	Name string
	// Is says the same of equal definitions and something else of others.
	Is string
}

// Definitions returns what the tags of a service define, sorted. Where two
// services define one name differently Traefik 2 and 3 drop it for both, and
// Traefik 1.7, for frontends, takes no change of any service any more. The
// service is named as in Consul.
func Definitions(service string, tags []string, site Site) []Definition {
	if !enabled(tags, !site.HiddenByDefault) {
		return nil
	}
	parts := map[thing][]string{}
	if site.Generation.v1() {
		parts[thing{"frontend", lower(service)}] = []string{service}
		for _, segment := range segments(tags) {
			parts[thing{"frontend", lower(service) + "-" + segment}] = []string{service}
		}
	}
	if site.Generation.v3() {
		for _, tag := range tags {
			if what, option, ok := defined(tag); ok {
				parts[what] = append(parts[what], option)
			}
		}
		linkDefault(parts, service)
	}
	var made []Definition
	for _, what := range slices.SortedFunc(maps.Keys(parts), thing.compare) {
		slices.Sort(parts[what])
		made = append(made, Definition{Kind: what.kind, Name: what.name, Is: strings.Join(parts[what], "\n")})
	}
	return made
}

// thing is what tags define something of.
type thing struct{ kind, name string }

func (t thing) compare(other thing) int {
	return cmp.Or(cmp.Compare(t.kind, other.kind), cmp.Compare(t.name, other.name))
}

// defined takes a tag such as traefik.http.routers.X.rule=R apart into what it
// defines and what it says of it.
func defined(tag string) (what thing, option string, ok bool) {
	label, value, _ := strings.Cut(tag, "=")
	fields := strings.SplitN(label, ".", 5)
	if len(fields) < 5 || lower(fields[0]) != "traefik" {
		return thing{}, "", false
	}
	protocol := lower(fields[1])
	kind, isKind := map[string]string{"routers": "router", "services": "service", "middlewares": "middleware"}[lower(fields[2])]
	if !isKind || !slices.Contains([]string{"http", "tcp", "udp"}, protocol) {
		return thing{}, "", false
	}
	return thing{protocol + " " + kind, fields[3]}, lower(fields[4]) + "=" + value, true
}

// linkDefault adds the service to routers that name none: Traefik links them to
// the one that there is, and so one text defines two things on two services.
func linkDefault(parts map[thing][]string, service string) {
	for what, options := range parts {
		isRouter := strings.HasSuffix(what.kind, " router")
		named := slices.ContainsFunc(options, func(option string) bool { return strings.HasPrefix(option, "service=") })
		if isRouter && !named {
			parts[what] = append(options, "service of "+service)
		}
	}
}

// segments are the NAMEs of traefik.frontends.NAME, sorted.
func segments(tags []string) []string {
	names := map[string]bool{}
	for _, tag := range tags {
		label, _, _ := strings.Cut(tag, "=")
		if rest, ok := strings.CutPrefix(label, "traefik.frontends."); ok {
			name, _, _ := strings.Cut(rest, ".")
			names[name] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}
