package kvschema

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/k8s-registrar/k8s-registrar/kvschema/traefik"
)

// decode reads one value. It depends on its arguments only. It returns neither a
// service nor an error for a value that asks for nothing, such as a Service of a type
// that is not announced, and with an error what the value claims all the same.
func decode(rules Rules, site traefik.Site, ref Ref, value []byte) (*Service, []Claim, error) {
	d := draft{rules: rules, site: site, service: Service{Ref: ref, As: rules.as(ref)}}
	wanted, err := d.read(value)
	switch {
	case err != nil:
		return nil, d.service.Claims(), err
	case !wanted:
		return nil, nil, nil
	}
	service := d.service // a pointer into the draft would keep all of that
	return &service, nil, nil
}

// draft is a Service while it is being read: what it will be, and what annotations ask
// for until it is known what that means.
type draft struct {
	rules   Rules
	site    traefik.Site
	service Service
	check   Check // see Service.Check

	announce, ignore *bool
	port, ports      string
	traefikPort      string
	checkPort        string
	warning          *int
	lines            []string

	trace *Trace // nil unless somebody asks how it is read
}

// read tells whether the value asks for anything.
func (d *draft) read(value []byte) (bool, error) {
	ref := d.service.Ref
	if !d.rules.covers(ref.Namespace) {
		return d.leave("services.namespaces and services.except_namespaces leave out the namespace %s", quote(ref.Namespace)), nil
	}
	if err := cmp.Or(checkLabel("namespace", ref.Namespace), checkLabel("name", ref.Name)); err != nil {
		return false, err
	}
	root, err := parse(value)
	if err != nil {
		return false, err
	}
	metadata, err := root.object("metadata")
	if err != nil {
		return false, err
	}
	if err := checkIdentity(root, metadata, ref); err != nil {
		return false, err
	}
	annotations, broken := metadata.optionalObject("annotations")
	d.peekName(annotations)
	spec, err := root.object("spec")
	if err != nil {
		return false, err
	}
	kind, err := spec.text("type")
	switch {
	case err != nil:
		return false, err
	case !d.rules.announces(kind):
		return d.leaveType(kind), nil
	case spec.is("clusterIP", "None"):
		return d.leave("it is headless, and has no port on any node"), nil
	case broken != nil:
		return false, broken
	}
	return d.readWanted(kind, spec, annotations)
}

// readWanted reads what only the Services that are announced have to have.
func (d *draft) readWanted(kind string, spec, annotations object) (bool, error) {
	d.service.Address, d.service.DualStack, d.service.Weights.Passing = d.rules.Address, d.rules.DualStack, d.rules.Weight
	families := spec.texts("ipFamilies")
	d.service.Families = Families{IPv4: slices.Contains(families, "IPv4"), IPv6: slices.Contains(families, "IPv6")}
	problem := d.readAnnotations(annotations)
	if wanted, err := d.optedIn(problem != nil); !wanted || err != nil {
		return false, err
	}
	wanted, err := d.readPorts(kind, spec) // whatever is wrong, they are claimed
	if err := cmp.Or(problem, err); !wanted || err != nil {
		return false, err
	}
	for _, step := range []func() error{
		func() error { return d.readTags(annotations) },
		d.addMeta,
		d.weigh,
		d.keepCheck,
	} {
		if err := step(); err != nil {
			return false, err
		}
	}
	d.gather(spec)
	return true, nil
}

// optedIn tells whether the Service wants to be announced. In doubt, since not every
// annotation could be read, only a clear no is one.
func (d *draft) optedIn(doubt bool) (bool, error) {
	announce := !d.rules.OptIn || doubt
	if d.announce != nil {
		announce = *d.announce
		if d.ignore != nil && *d.ignore == announce {
			return false, errors.New(annotationPrefix + "announce and " + annotationPrefix + "ignore say the opposite: remove one of them")
		}
	}
	switch {
	case d.ignore != nil && *d.ignore:
		return d.leave("%signore says so", annotationPrefix), nil
	case !announce && d.announce != nil:
		return d.leave("%sannounce says no", annotationPrefix), nil
	case !announce:
		return d.leave("services.opt_in asks for %sannounce: \"true\"", annotationPrefix), nil
	}
	return true, nil
}

// weigh leaves the weights at 0 where they are what Consul takes without any.
func (d *draft) weigh() error {
	w := &d.service.Weights
	w.Passing, w.Warning = max(1, w.Passing), 1
	if d.warning != nil {
		w.Warning = *d.warning
	}
	if *w == (Weights{Passing: 1, Warning: 1}) {
		*w = Weights{}
	}
	return nil
}

// parse reads the outermost object of a value.
func parse(value []byte) (object, error) {
	switch {
	case len(value) == 0:
		return object{}, errors.New("the value is empty: want a Kubernetes Service in JSON, or no key at all")
	case len(value) > MaxValueBytes:
		return object{}, fmt.Errorf("the value has %d bytes: at most %d are read", len(value), MaxValueBytes)
	case !utf8.Valid(value):
		return object{}, errors.New("the value is not valid UTF-8")
	}
	return newObject("", value)
}

// checkIdentity holds the value against its key.
func checkIdentity(root, metadata object, ref Ref) error {
	kind, ok, err := root.optionalText("kind")
	if err != nil {
		return err
	}
	if ok && kind != "Service" {
		return fmt.Errorf("kind is %s: want a Service", quote(kind))
	}
	got, err := metadata.text("name")
	if err != nil {
		return err
	}
	if got != ref.Name {
		return fmt.Errorf("metadata.name is %s but the key says %q: store it under its own key", quote(got), ref.Name)
	}
	got, ok, err = metadata.optionalText("namespace")
	if err != nil {
		return err
	}
	if ok && got != ref.Namespace {
		return fmt.Errorf("metadata.namespace is %s but the key says %q: store it under its own key", quote(got), ref.Namespace)
	}
	return nil
}
