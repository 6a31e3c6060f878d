package config

import (
	"fmt"
	"net/netip"
	"path"
	"strings"
	"unicode"
	"unicode/utf8"
)

// nameTemplate accepts what makes a DNS label out of a namespace and a name.
func nameTemplate(text string) (string, error) {
	rest := strings.NewReplacer("{name}", "x", "{namespace}", "x").Replace(text)
	switch {
	case strings.ContainsAny(rest, "{}"):
		return "", fmt.Errorf("%q has another placeholder than {namespace} and {name}", text)
	case !strings.Contains(text, "{name}"):
		return "", fmt.Errorf("%q has no {name} in it: all Services would have one name", text)
	case strings.Trim(rest, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" || strings.Trim(rest, "-") != rest:
		return "", fmt.Errorf("%q does not make a DNS label: use a-z, 0-9 and, inside, -", text)
	}
	return text, nil
}

func namespacePattern(text string) (string, error) {
	if strings.Trim(text, "abcdefghijklmnopqrstuvwxyz0123456789-*?") != "" {
		return "", fmt.Errorf("%q is not a namespace, nor a pattern for some with * and ?", text)
	}
	if _, err := path.Match(text, ""); err != nil {
		return "", fmt.Errorf("%q is not a pattern", text)
	}
	return text, nil
}

// tag accepts what every reader of the catalog can stand.
func tag(text string) (string, error) {
	if !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl) || strings.TrimSpace(text) != text {
		return "", fmt.Errorf("%q is not a tag: write it without control characters, and without blanks around it", text)
	}
	return text, nil
}

const (
	maxMetaKey   = 128 // bytes; Consul's limits
	maxMetaValue = 512
)

// metaPair refuses what Consul would refuse, and what says whose a service is.
func metaPair(name, value string) error {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"
	reserved := name == "managed-by" || name == "external-source"
	for _, prefix := range []string{"consul-", "k8s-registrar-", "external-k8s-"} {
		reserved = reserved || strings.HasPrefix(name, prefix)
	}
	switch {
	case name == "" || len(name) > maxMetaKey || strings.Trim(name, letters) != "":
		return fmt.Errorf("%q is not 1 to %d letters, digits, - and _, as a key of Consul's meta must be", name, maxMetaKey)
	case reserved:
		return fmt.Errorf("%q is reserved: choose another key", name)
	case len(value) > maxMetaValue:
		return fmt.Errorf("the value of %q has %d bytes: Consul takes %d", name, len(value), maxMetaValue)
	}
	_, err := plainText(value)
	return err
}

// serviceAddress accepts what Consul can announce.
func serviceAddress(text string) (string, error) {
	if text == "" || text == "node" {
		return text, nil
	}
	address, err := netip.ParseAddr(text)
	if err != nil || address.IsUnspecified() || address.IsMulticast() || address.Zone() != "" {
		return "", fmt.Errorf("%q is neither \"node\" nor an IP address: write it without port, mask or name", text)
	}
	return address.String(), nil
}

// device accepts what Linux can call a network interface.
func device(text string) (string, error) {
	const most = 15
	if len(text) > most || strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' || r == '/' }) {
		return "", fmt.Errorf("%q is not the name of a network interface, such as \"eth0\"", text)
	}
	return text, nil
}
