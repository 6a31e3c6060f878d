package traefik

import (
	"slices"
	"strings"
)

// Kind is what became of an annotation.
type Kind string

const (
	// Clean does the same in Traefik 2 and 3.
	Clean Kind = "clean"
	// Review does nearly the same: a human should look at the difference.
	Review Kind = "review"
	// Lost has no counterpart.
	Lost Kind = "lost"
)

// Annotation is one that Traefik 1.7 knows.
type Annotation struct {
	// Name is the annotation; "*" stands for a name that the site chooses.
	Name string
	// Becomes is the tag for Traefik 2 and 3, where X is the name of the router,
	// of the service and of what the middlewares' names begin with.
	Becomes string
	// Kind is the verdict on an ordinary value; a value may have a worse one.
	Kind Kind
	// Note says what to know or do.
	Note string

	text bool // Traefik 1.7 pastes the value into its TOML as it is
}

// Annotations returns all annotations that Traefik 1.7 knows, in the order of
// docs/traefik.md. Those of traefik.frontend. exist as traefik.frontends.NAME.
// too, for one more router each.
func Annotations() []Annotation { return slices.Collect(eachAnnotation) }

// eachAnnotation makes a group of them at a time: what is looked for is often in the first,
// and thousands of Services are read.
func eachAnnotation(yield func(Annotation) bool) {
	for _, group := range []func() []Annotation{
		serviceAnnotations, backendAnnotations, frontendAnnotations, authAnnotations, headerAnnotations, certificateAnnotations,
	} {
		for _, annotation := range group() {
			if !yield(annotation) {
				return
			}
		}
	}
}

// known finds what Traefik 1.7 knows under a name. Those of several frontends are
// found under the name for one.
func known(name string) (Annotation, bool) {
	if rest, many := strings.CutPrefix(name, "traefik.frontends."); many {
		if _, field, ok := strings.Cut(rest, "."); ok {
			name = "traefik.frontend." + field
		}
	}
	for annotation := range eachAnnotation {
		if annotation.matches(name) {
			return annotation, true
		}
	}
	return Annotation{}, false
}

// meant finds what a name differs from in case only.
func meant(name string) (Annotation, bool) {
	for annotation := range eachAnnotation {
		if strings.EqualFold(annotation.Name, name) {
			return annotation, true
		}
	}
	return Annotation{}, false
}

// matches compares exactly, but for the few names that Traefik 1.7 reads whatever
// their case.
func (a Annotation) matches(name string) bool {
	anyCase := []string{"traefik.enable", "traefik.tags", "traefik.protocol", "traefik.weight", "traefik.backend.weight"}
	if slices.Contains(anyCase, a.Name) {
		return strings.EqualFold(a.Name, name)
	}
	before, after, star := strings.Cut(a.Name, "*")
	if !star {
		return a.Name == name
	}
	chosen, ok := strings.CutPrefix(name, before)
	if !ok {
		return false
	}
	chosen, ok = strings.CutSuffix(chosen, after)
	return ok && chosen != "" && !strings.ContainsAny(chosen, ". ")
}

// Secret tells whether an annotation or a tag holds what must not be printed.
func Secret(name string) bool {
	name = strings.ToLower(name)
	return strings.Contains(name, "auth") && strings.HasSuffix(name, ".users") ||
		strings.HasSuffix(name, "auth.basic") || strings.HasSuffix(name, ".tls.key") || strings.HasSuffix(name, "headers.authorization")
}

// Shown returns a tag as people may see it: without a password.
func Shown(tag string) string {
	name, value, ok := strings.Cut(tag, "=")
	if ok && (Secret(name) || strings.Contains(strings.ToLower(value), "authorization:")) {
		return name + "=(set)"
	}
	return tag
}
