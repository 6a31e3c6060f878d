package traefik

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Translation is what a service announces, and what became of each annotation.
type Translation struct {
	// Tags are sorted, without duplicates.
	Tags []string
	// Verdicts are sorted by annotation. There are none for V1, nor for a service
	// that has tags for Traefik 2 and 3 already.
	Verdicts []Verdict
}

// Verdict says what became of one annotation.
type Verdict struct {
	// Annotation is its name.
	Annotation string
	// Kind is clean, review or lost.
	Kind Kind
	// Why says what is not the same and what to do, empty if all is.
	Why string
}

// Translate makes the tags for the site's generation out of those that a
// Service's annotations ask for. A service that has tags of Traefik 2 and 3
// keeps them as they are.
func Translate(service Ref, tags []string, site Site) Translation {
	if !site.Generation.v3() {
		return Translation{Tags: slices.Clone(tags)}
	}
	made := literalEnable(tags)
	made = append(made, constraintTags(tags)...)
	var verdicts []Verdict
	if !native(tags) && enabled(tags, true) {
		d := newDraft(service, tags, site)
		d.translate()
		made = append(made, d.tags()...)
		verdicts = d.sortedVerdicts()
	}
	if !site.Generation.v1() {
		made = slices.DeleteFunc(made, onlyV1)
	}
	slices.Sort(made)
	return Translation{Tags: slices.Compact(made), Verdicts: verdicts}
}

// native tells whether there are tags for Traefik 2 and 3 already.
func native(tags []string) bool {
	return slices.ContainsFunc(tags, func(tag string) bool {
		tag = lower(tag)
		return strings.HasPrefix(tag, "traefik.http.") || strings.HasPrefix(tag, "traefik.tcp.") ||
			strings.HasPrefix(tag, "traefik.udp.")
	})
}

// onlyV1 tells whether nothing but Traefik 1.7 would read the tag.
func onlyV1(tag string) bool {
	name, _, _ := strings.Cut(tag, "=")
	_, is := known(name)
	_, meant := meant(name)
	return (is || meant) && !strings.EqualFold(name, "traefik.enable")
}

// literalEnable writes traefik.enable with the one spelling that all take.
func literalEnable(tags []string) []string {
	made := slices.Clone(tags)
	for i, tag := range made {
		name, value, _ := strings.Cut(tag, "=")
		if on, err := strconv.ParseBool(value); err == nil && strings.EqualFold(name, "traefik.enable") {
			made[i] = "traefik.enable=" + strconv.FormatBool(on)
		}
	}
	return made
}

// enabled tells whether Traefik takes the service, by the tag of any case that
// Traefik 1.7 reads. A value that is no truth value counts as none.
func enabled(tags []string, byDefault bool) bool {
	value, ok := attribute(tags, "traefik.enable")
	if !ok {
		return byDefault
	}
	on, err := strconv.ParseBool(value)
	return cmp.Or(err == nil && on, err != nil && byDefault)
}

// attribute finds a tag whatever the case of its name.
func attribute(tags []string, name string) (value string, ok bool) {
	for _, tag := range tags {
		if found, value, has := strings.Cut(tag, "="); has && strings.EqualFold(found, name) && value != "" {
			return value, true
		}
	}
	return "", false
}

// constraintTags are the values of traefik.tags, which is all that a constraint
// of Traefik 1.7 looks at.
func constraintTags(tags []string) []string {
	var made []string
	for _, tag := range tags {
		if name, list, ok := strings.Cut(tag, "="); ok && strings.EqualFold(name, "traefik.tags") {
			made = append(made, splitList(list)...)
		}
	}
	return made
}

// splitList splits at commas, trims and drops what is empty.
func splitList(list string) []string {
	var made []string
	for item := range strings.SplitSeq(list, ",") {
		if item = strings.TrimSpace(item); item != "" {
			made = append(made, item)
		}
	}
	return made
}

func lower(text string) string { return strings.ToLower(text) }

// tags returns what was drafted, sorted.
func (d *draft) tags() []string {
	var made []string
	for _, name := range slices.Sorted(maps.Keys(d.made)) {
		made = append(made, name+"="+d.made[name])
	}
	return made
}

func (d *draft) sortedVerdicts() []Verdict {
	var made []Verdict
	for _, name := range slices.Sorted(maps.Keys(d.verdicts)) {
		made = append(made, d.verdicts[name])
	}
	return made
}
