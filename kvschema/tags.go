package kvschema

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/k8s-registrar/k8s-registrar/kvschema/traefik"
)

// readTags makes the tags out of the annotations and of the configuration. An annotation
// that makes no tag may hold anything.
func (d *draft) readTags(annotations object) error {
	tags := slices.Concat(d.rules.Tags, d.lines)
	d.from("services.tags", d.rules.Tags)
	d.from(annotationPrefix+"tags", d.lines)
	for _, key := range annotations.keys() {
		made, err := annotationTags(annotations, key)
		if err != nil {
			return err
		}
		d.from(key, made)
		d.warnOfHalves(annotations.path+key, made)
		tags = append(tags, made...)
	}
	if err := checkSize(tags); err != nil {
		return err
	}
	for _, tag := range set(tags) {
		if forTraefik(tag) {
			d.service.Traefik = append(d.service.Traefik, tag)
		} else {
			d.service.Tags = append(d.service.Tags, tag)
		}
	}
	if err := d.readTraefik(); err != nil {
		return err
	}
	d.service.Tags, d.service.Traefik = slices.Clone(d.service.Tags), slices.Clone(d.service.Traefik) // as set does
	return checkSize(slices.Concat(d.service.Tags, d.service.Traefik))
}

func checkSize(tags []string) error {
	var size int
	for _, tag := range tags {
		size += len(tag)
	}
	if size > MaxTagBytes {
		return fmt.Errorf("the tags hold %d bytes together: at most %d are announced", size, MaxTagBytes)
	}
	return nil
}

// Shown returns tags as people may see them: without the passwords that some of those for
// Traefik hold. Whoever prints tags prints these, and does not change them: most hold none,
// and are the tags themselves. There are none rather than nil.
func Shown(tags []string) []string {
	hides := func(tag string) bool { return traefik.Shown(tag) != tag }
	if len(tags) > 0 && !slices.ContainsFunc(tags, hides) {
		return tags
	}
	shown := make([]string, len(tags))
	for i, tag := range tags {
		shown[i] = traefik.Shown(tag)
	}
	return shown
}

// set returns the tags sorted and each of them once; nil for none.
func set(tags []string) []string {
	sorted := slices.Clone(tags) // to take no more than they need: they are kept
	slices.Sort(sorted)
	return slices.Compact(sorted)
}

// forTraefik tells whether Traefik may make something of a tag. Every generation takes
// those that begin with its name, whatever follows.
func forTraefik(tag string) bool { return strings.HasPrefix(tag, "traefik") }

// annotationTags returns the tags of one annotation by the text before the first
// dot of its key. Only "traefik" and "tags" count, so that both "traefik" alone
// and "tags.anything" do.
func annotationTags(annotations object, key string) ([]string, error) {
	family, _, _ := strings.Cut(key, ".")
	if family != "traefik" && family != "tags" {
		return nil, nil
	}
	value, err := annotations.text(key)
	if err != nil {
		return nil, err
	}
	tags := []string{key + "=" + value}
	if family == "tags" {
		tags = splitTags(value)
	}
	for _, tag := range tags {
		if err := checkTag(annotations.path+key, tag); err != nil {
			return nil, err
		}
	}
	return tags, nil
}

// checkTag refuses a tag with a control character: Traefik 1 pastes tags into a TOML
// document, where one of them would freeze every service.
func checkTag(path, tag string) error {
	for _, r := range tag {
		if unicode.IsControl(r) {
			return fmt.Errorf("%s holds the control character %U: write the value on one line", place(path), r)
		}
	}
	return nil
}

// splitTags splits at commas, trims and drops what is empty. A comma behind a backslash
// is part of a tag, without the backslash; any other backslash is one.
func splitTags(list string) []string {
	var tags []string
	var tag strings.Builder
	end := func() {
		if text := strings.TrimFunc(tag.String(), isSpace); text != "" {
			tags = append(tags, text)
		}
		tag.Reset()
	}
	for i := 0; i < len(list); i++ {
		switch {
		case strings.HasPrefix(list[i:], `\,`):
			i++
			tag.WriteByte(',')
		case list[i] == ',':
			end()
		default:
			tag.WriteByte(list[i])
		}
	}
	end()
	return tags
}

// readLines takes tags that are written one a line, to the letter but for white space
// around them.
func (d *draft) readLines(value string) error {
	for line := range strings.SplitSeq(value, "\n") {
		line = strings.TrimFunc(line, isSpace)
		if i := strings.IndexFunc(line, isControl); i >= 0 {
			return fmt.Errorf("a line holds the control character %U: write one tag a line", []rune(line[i:])[0])
		}
		if line != "" {
			d.lines = append(d.lines, line)
		}
	}
	return nil
}

// isSpace is what unicode.strip of Python 2 removes, since that is what the old
// plugin trimmed with: Unicode's white space, the four ASCII separators and
// U+180E, which Unicode took for a space until version 6.3.
func isSpace(r rune) bool {
	return unicode.IsSpace(r) || r >= 0x1c && r <= 0x1f || r == 0x180e
}
