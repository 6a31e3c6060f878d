package kvschema

import (
	"fmt"
	"maps"
	"strings"
)

const (
	// MaxMeta is how many keys a Service and the configuration may add to the meta of
	// a service together. Consul allows 64, of which some are this program's.
	MaxMeta = 48
	// maxMetaKey and maxMetaValue are Consul's limits, in bytes.
	maxMetaKey   = 128
	maxMetaValue = 512
)

// readMeta takes the value of one annotation.
func (d *draft) readMeta(key, value string) error {
	if err := checkMeta(key, value); err != nil {
		return err
	}
	if d.service.Meta == nil {
		d.service.Meta = map[string]string{}
	}
	d.service.Meta[key] = value
	return nil
}

// addMeta adds that of the configuration, unless an annotation says otherwise.
func (d *draft) addMeta() error {
	switch {
	case len(d.rules.Meta) == 0:
	case len(d.service.Meta) == 0:
		d.service.Meta = d.rules.Meta // most say nothing of their own: it is kept once for all
	default:
		all := maps.Clone(d.rules.Meta)
		maps.Copy(all, d.service.Meta)
		d.service.Meta = all
	}
	if n := len(d.service.Meta); n > MaxMeta {
		return fmt.Errorf("the meta has %d keys: at most %d are announced", n, MaxMeta)
	}
	return nil
}

// checkMeta refuses what Consul would refuse, and what this program or Consul says
// itself.
func checkMeta(key, value string) error {
	switch {
	case !isMetaKey(key):
		return fmt.Errorf("%s is no key of Consul's meta: want letters, digits, - and _, at most %d", quote(key), maxMetaKey)
	case reservedMeta(key):
		return fmt.Errorf("the meta key %q is reserved: choose another", key)
	case len(value) > maxMetaValue:
		return fmt.Errorf("the value has %d bytes: Consul takes %d", len(value), maxMetaValue)
	case strings.ContainsFunc(value, isControl):
		return fmt.Errorf("the value holds a control character: write it on one line")
	}
	return nil
}

func isMetaKey(key string) bool {
	foreign := func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_'
	}
	return key != "" && len(key) <= maxMetaKey && !strings.ContainsFunc(key, foreign)
}

// reservedMeta tells whether a key says who owns a service or where it came from.
func reservedMeta(key string) bool {
	for _, prefix := range []string{"consul-", "k8s-registrar-", "external-k8s-"} {
		if strings.HasPrefix(key, prefix) {
			return true
		}
	}
	return key == "managed-by" || key == "external-source"
}
