package kvschema

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// decodeTags makes the tags out of the annotations. An annotation that makes no
// tag may hold anything.
func decodeTags(metadata object) ([]string, error) {
	annotations, err := metadata.optionalObject("annotations")
	if err != nil {
		return nil, err
	}
	var tags []string
	var size int
	for _, key := range annotations.keys() {
		made, err := annotationTags(annotations, key)
		if err != nil {
			return nil, err
		}
		for _, tag := range made {
			size += len(tag)
		}
		tags = append(tags, made...)
	}
	if size > MaxTagBytes {
		return nil, fmt.Errorf("the tags hold %d bytes together: at most %d are announced", size, MaxTagBytes)
	}
	slices.Sort(tags)
	return slices.Compact(tags), nil
}

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
		for _, r := range tag {
			if unicode.IsControl(r) {
				return nil, fmt.Errorf("%s holds the control character %U: write the value on one line", place(annotations.path+key), r)
			}
		}
	}
	return tags, nil
}

// splitTags splits at commas, trims and drops what is empty.
func splitTags(list string) []string {
	var tags []string
	for tag := range strings.SplitSeq(list, ",") {
		if tag = strings.TrimFunc(tag, isSpace); tag != "" {
			tags = append(tags, tag)
		}
	}
	return tags
}

// isSpace is what unicode.strip of Python 2 removes, since that is what the old
// plugin trimmed with: Unicode's white space, the four ASCII separators and
// U+180E, which Unicode took for a space until version 6.3.
func isSpace(r rune) bool {
	return unicode.IsSpace(r) || r >= 0x1c && r <= 0x1f || r == 0x180e
}
