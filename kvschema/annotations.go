package kvschema

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"
	"unicode"

	"github.com/k8s-registrar/k8s-registrar/config/spell"
)

// annotationPrefix is what the annotations for this program begin with.
const annotationPrefix = "k8s-registrar/"

// Annotation is one that a Service may carry for this program.
type Annotation struct {
	// Name is what follows "k8s-registrar/". One that ends with a dot stands for all
	// that go on after it.
	Name string
	// Value says what may be written.
	Value string
	// Meaning says what that does.
	Meaning string

	read func(d *draft, value string) error
}

// Annotations returns all that there are, sorted as a person would.
func Annotations() []Annotation {
	return append(serviceAnnotations(), checkAnnotations()...)
}

func serviceAnnotations() []Annotation {
	return []Annotation{
		{"announce", "`true` or `false`", "`false`: the Service is not announced; `true`: it is, where `services.opt_in` asks for it",
			func(d *draft, v string) error { return boolean(&d.announce, v) }},
		{"ignore", "`true` or `false`", "`true`: the Service is not announced",
			func(d *draft, v string) error { return boolean(&d.ignore, v) }},
		{"nodes", "conditions such as `role=edge,zone!=b,gpu,!spare`", "the Service is announced only by nodes whose meta in Consul fulfils all of them",
			func(d *draft, v string) (err error) { d.service.Nodes, err = parseSelector(v); return err }},
		{"spread", "`all` or 1 to 100000", "on how many of those nodes it is announced, instead of `spread.copies`, where that is not 0",
			func(d *draft, v string) error { return d.readCopies(v) }},
		{"name", "a DNS label", "its name in Consul, instead of what `services.name` makes",
			func(d *draft, v string) error { return d.readName(v) }},
		{"port", "the name or number of a port", "the port that carries the plain name, instead of the first",
			func(d *draft, v string) error { d.port = v; return nil }},
		{"ports", "`first`, `all`, or names and numbers between commas", "the ports that are announced besides, as `services.ports`",
			func(d *draft, v string) error { d.ports = v; return nil }},
		{"tags", "one tag a line", "more tags, to the letter: for those that hold commas, and for those of Traefik that are too long for a key",
			func(d *draft, v string) error { return d.readLines(v) }},
		{"meta.", "up to 512 bytes", "the rest of the key becomes a key of the service's meta", nil},
		{"weight", "1 to 65535", "its weight in answers of Consul's DNS while it is passing, instead of `services.weight`",
			func(d *draft, v string) (err error) {
				d.service.Weights.Passing, err = wholeIn(v, 1, 65535)
				return err
			}},
		{"weight.warning", "0 to 65535", "its weight while it is warning; 1 unless set",
			func(d *draft, v string) error { return number(&d.warning, v, 0, 65535) }},
		{"address", "an IP address, `node`, or nothing", "the address it is announced at, as `services.address`",
			func(d *draft, v string) error { return d.readAddress(v) }},
		{"traefik.port", "the name or number of an announced port", "the one port that gets the tags for Traefik, instead of the first",
			func(d *draft, v string) error { d.traefikPort = v; return nil }},
	}
}

func checkAnnotations() []Annotation {
	check := func(read func(*Check, string) error) func(*draft, string) error {
		return func(d *draft, value string) error { return read(&d.check, value) }
	}
	return []Annotation{
		{"check.type", "`tcp`, `http`, `https` or `grpc`", "what Consul's agent tries; `tcp` unless set, and the port that Kubernetes offers for it where a LoadBalancer has `externalTrafficPolicy: Local`",
			check((*Check).readKind)},
		{"check.port", "the name or number of a port", "the port that is tried, instead of the announced one",
			func(d *draft, v string) error { d.checkPort = v; return nil }},
		{"check.path", "a path", "what an HTTP check asks for; `/` unless set",
			check((*Check).readPath)},
		{"check.host", "a host name", "the host that an HTTP check asks for; with `https` also the name that the certificate must have, which is not verified otherwise",
			check((*Check).readHost)},
		{"check.service", "the name of a gRPC service", "whose health a gRPC check asks for, instead of the server's",
			check((*Check).readService)},
		{"check.interval", "`1s` to `1h`", "as the setting of this name",
			check(func(c *Check, v string) error { return durationIn(&c.Interval, v, time.Second, time.Hour) })},
		{"check.timeout", "`1ms` to `1h`", "as the setting of this name",
			check(func(c *Check, v string) error { return durationIn(&c.Timeout, v, time.Millisecond, time.Hour) })},
		{"check.failures_before_critical", "1 to 1000", "as the setting of this name",
			check(func(c *Check, v string) (err error) { c.FailuresBeforeCritical, err = wholeIn(v, 1, 1000); return err })},
		{"check.failures_before_warning", "0 to 1000", "as the setting of this name",
			check(func(c *Check, v string) error { return number(&c.FailuresBeforeWarning, v, 0, 1000) })},
		{"check.success_before_passing", "0 to 1000", "as the setting of this name",
			check(func(c *Check, v string) error { return number(&c.SuccessBeforePassing, v, 0, 1000) })},
		{"check.initial_status", "`probe`, `passing` or `critical`", "as the setting of this name",
			check((*Check).readStatus)},
	}
}

// readAnnotations takes those that are for this program.
//
// A value that cannot be read is a problem of the Service: nobody knows what was meant.
// So is a name that is almost a known one. Any other unknown name is only told of: it may
// be one that a newer version knows, and while a fleet is being upgraded, the nodes that
// do not know it yet had better follow the Service than stop at what it was.
//
// All of them are read even so, since the others say what the Service claims.
func (d *draft) readAnnotations(annotations object) (problem error) {
	all := Annotations()
	for _, key := range annotations.keys() {
		if name, ours := strings.CutPrefix(key, annotationPrefix); ours {
			problem = cmp.Or(problem, d.readAnnotation(all, annotations, key, name))
		}
	}
	return problem
}

func (d *draft) readAnnotation(all []Annotation, annotations object, key, name string) error {
	read := reader(all, name)
	if read == nil {
		return d.unknown(all, annotations.path+key, name)
	}
	value, err := annotations.text(key)
	if err != nil {
		return err
	}
	if name != "tags" {
		value = strings.TrimSpace(value)
	}
	if err := read(d, value); err != nil {
		return fmt.Errorf("%s is %s: %w", place(annotations.path+key), quote(value), err)
	}
	return nil
}

// reader returns what reads the annotation of this name, or nil.
func reader(all []Annotation, name string) func(*draft, string) error {
	if key, ok := strings.CutPrefix(name, "meta."); ok {
		return func(d *draft, value string) error { return d.readMeta(key, value) }
	}
	for _, a := range all {
		if a.Name == name {
			return a.read
		}
	}
	return nil
}

func (d *draft) unknown(all []Annotation, path, name string) error {
	var known []string
	for _, a := range all {
		known = append(known, a.Name)
	}
	if meant := spell.Closest(name, known); meant != "" {
		return fmt.Errorf("%s is not known: did you mean %s%s?", place(path), annotationPrefix, meant)
	}
	d.service.Warnings = append(d.service.Warnings, place(path)+" is not known, and passed over")
	return nil
}

// peekName reads the name in Consul before anything else, so that the Service claims it
// whatever else is wrong.
func (d *draft) peekName(annotations object) {
	if name, there, err := annotations.optionalText(annotationPrefix + "name"); there && err == nil {
		_ = d.readName(strings.TrimSpace(name)) // it is told of when it is its turn
	}
}

func (d *draft) readName(name string) error {
	if name == "" {
		return errors.New("want a DNS label, or no such annotation")
	}
	if err := checkLabel("name", name); err != nil {
		return err
	}
	d.service.As = name
	if name == d.service.Name {
		d.service.As = ""
	}
	return nil
}

// readAddress takes an address that Consul can announce: it refuses 0.0.0.0 and ::.
func (d *draft) readAddress(value string) error {
	if value != "" && value != "node" {
		address, err := netip.ParseAddr(value)
		if err != nil || address.IsUnspecified() || address.IsMulticast() || address.Zone() != "" {
			return errors.New(`want an IP address, "node" for this node's, or nothing for the one that Consul has for the node`)
		}
		value = address.String()
	}
	d.service.Address = value
	return nil
}

func boolean(field **bool, value string) error {
	if value != "true" && value != "false" {
		return errors.New("want true or false")
	}
	is := value == "true"
	*field = &is
	return nil
}

func number(field **int, value string, low, high int) error {
	n, err := wholeIn(value, low, high)
	if err == nil {
		*field = &n
	}
	return err
}

func isControl(r rune) bool { return unicode.IsControl(r) }
