package kvschema

import (
	"fmt"
	"strings"
)

// maxLabel is the longest DNS label (RFC 1035, 2.3.4), in bytes.
const maxLabel = 63

// Prefix returns the prefix that all keys of Services share, with its closing
// slash: without the slash a sibling such as "deployments-old/" would match too,
// since Consul compares prefixes as plain strings.
func Prefix(keyPath string) string {
	return strings.Trim(keyPath, "/") + "/deployments/"
}

// RefOf returns what a pair below the prefix stands for, or false if it is not a Service's: a folder,
// a key at another depth or of another tree.
func RefOf(prefix string, pair Pair) (Ref, bool) {
	rest, ours := strings.CutPrefix(pair.Key, prefix)
	if !ours {
		return Ref{}, false
	}
	namespace, name, ours := strings.Cut(rest, "/")
	if !ours || namespace == "" || name == "" || strings.Contains(name, "/") {
		return Ref{}, false
	}
	return Ref{Key: pair.Key, Namespace: namespace, Name: name, CreateIndex: pair.CreateIndex}, true
}

// checkLabel says why s is not a DNS label (RFC 1123): Kubernetes would not have
// accepted it, and neither Consul's DNS nor a URL could carry it.
func checkLabel(what, s string) error {
	if len(s) > maxLabel {
		return fmt.Errorf("the %s has %d characters: a DNS label has at most %d", what, len(s), maxLabel)
	}
	for i := range len(s) {
		c := s[i]
		edge := i == 0 || i == len(s)-1
		if c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' && !edge {
			continue
		}
		return fmt.Errorf("the %s %q is not a DNS label: use a-z, 0-9 and, inside, -", what, s)
	}
	return nil
}
