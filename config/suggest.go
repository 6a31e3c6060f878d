package config

import (
	"strings"

	"github.com/k8s-registrar/k8s-registrar/config/spell"
)

// didYouMean ends a sentence about an unknown name with the known one that was
// probably meant: one with a slip or two in it, or else the right word in the
// wrong block. HCL's own suggestions do not look into other blocks.
func didYouMean(name string, known []string) string {
	meant := spell.Closest(name, known)
	for _, candidate := range known {
		if meant == "" && lastPart(candidate) == lastPart(name) {
			meant = candidate
		}
	}
	if meant == "" {
		return ""
	}
	return ": did you mean " + meant + "?"
}

func lastPart(name string) string {
	return name[strings.LastIndex(name, ".")+1:]
}
