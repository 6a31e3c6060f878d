package traefik

import "strings"

// Generation says for which Traefik the tags are made.
type Generation string

const (
	// V1 leaves the tags as the annotations have them, for Traefik 1.7.
	V1 Generation = "v1"
	// V3 announces what Traefik 2 and 3 read instead of what Traefik 1.7 reads.
	V3 Generation = "v3"
	// Both announces the two side by side: neither reads what is for the other.
	Both Generation = "both"
)

func (g Generation) v1() bool { return g != V3 }
func (g Generation) v3() bool { return g == V3 || g == Both }

// Ref names a Kubernetes Service.
type Ref struct{ Namespace, Name string }

// router is the name of the Service's router and service in Traefik 2 and 3. The
// underscore keeps namespace "a-b" with name "c" from namespace "a" with name
// "b-c", and from the names that Traefik makes up for services without tags.
func (r Ref) router() string { return plain(r.Namespace) + "_" + plain(r.Name) }

// plain replaces what could not stand in a name that is part of a tag.
func plain(name string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_' {
			return r
		}
		return '-'
	}, name)
}

// Site is what is known of a site's Traefiks.
type Site struct {
	// Generation says for which of them tags are made.
	Generation Generation
	// Constraint is the tag that their constraints ask for, empty for none.
	Constraint string
	// HiddenByDefault is exposedByDefault = false in their configuration: only
	// services with traefik.enable=true are routed.
	HiddenByDefault bool
	// TLSEntryPoints are the entry points that speak TLS. In Traefik 2 and 3 that
	// is a matter of each router.
	TLSEntryPoints []string
	// Severities overrides how severe the findings of a rule are, by its name.
	Severities map[string]Severity
}
