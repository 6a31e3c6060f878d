package traefik

import (
	"strconv"
	"strings"
)

// draft is a translation in the making.
type draft struct {
	router   string // of the Service, the X of the tables
	peer     func(backend string) string
	site     Site
	labels   map[string]string  // what Traefik 1.7 reads, by annotation
	made     map[string]string  // tags for Traefik 2 and 3, by name
	verdicts map[string]Verdict // by annotation
}

func newDraft(service Ref, tags []string, site Site) *draft {
	d := &draft{
		router:   service.router(),
		peer:     func(backend string) string { return Ref{service.Namespace, backend}.router() },
		site:     site,
		labels:   map[string]string{},
		made:     map[string]string{},
		verdicts: map[string]Verdict{},
	}
	for _, tag := range tags {
		if name, value, ok := strings.Cut(tag, "="); ok && strings.HasPrefix(lower(name), "traefik.") {
			d.read(name, value)
		}
	}
	return d
}

// read takes in one tag as Traefik 1.7 does.
func (d *draft) read(name, value string) {
	annotation, is := known(name)
	switch {
	case !is:
		d.lost(name, unknown(name))
		return
	case annotation.Kind == Lost:
		d.lost(name, annotation.Note)
		return
	case strings.TrimSpace(value) == "":
		d.lost(name, "it is empty, which is the same as none")
		return
	}
	if annotation.text {
		plain, err := Unescape(value)
		if err != nil {
			d.lost(name, err.Error())
			return
		}
		value = plain
	}
	if !strings.Contains(name, ".frontends.") && !strings.Contains(annotation.Name, "*") {
		d.labels[annotation.Name] = value
	} else {
		d.labels[name] = value
	}
	d.say(name, annotation.Kind, annotation.Note)
}

// unknown says why Traefik 1.7 does not read a name.
func unknown(name string) string {
	if annotation, ok := meant(name); ok {
		return "Traefik 1.7 minds the case and does not read it: write " + annotation.Name
	}
	return "Traefik 1.7 does not know it"
}

func (d *draft) say(name string, kind Kind, why string) {
	d.verdicts[name] = Verdict{Annotation: name, Kind: kind, Why: why}
}

func (d *draft) lost(name, why string) { d.say(name, Lost, why) }

func (d *draft) review(name, why string) { d.say(name, Review, why) }

// spoil takes an annotation back: it could be read but not be translated.
func (d *draft) spoil(name, why string) {
	d.lost(name, why)
	delete(d.labels, name)
}

func (d *draft) text(name string) (string, bool) {
	value, ok := d.labels[name]
	return value, ok
}

// truth reads a truth value; Traefik 1.7 takes what is none for false.
func (d *draft) truth(name string) bool {
	value, ok := d.labels[name]
	on, err := strconv.ParseBool(value)
	if ok && err != nil {
		d.spoil(name, "it is no truth value, which Traefik 1.7 takes for the default: write true or false")
	}
	return on
}

// number reads a whole number; Traefik 1.7 takes what is none for absent.
func (d *draft) number(name string) (int64, bool) {
	value, ok := d.labels[name]
	if !ok {
		return 0, false
	}
	number, err := strconv.ParseInt(value, 10, 64)
	if err != nil {
		d.spoil(name, "it is no whole number, which Traefik 1.7 takes for absent")
		return 0, false
	}
	return number, true
}

// any tells whether one of the annotations below a prefix is there.
func (d *draft) any(prefix string) bool {
	for name := range d.labels {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

// balancer sets an option of the service's load balancer.
func (d *draft) balancer(option, value string) {
	d.made["traefik.http.services."+d.router+".loadbalancer."+option] = value
}

// middleware is one that is being drafted.
type middleware struct {
	d    *draft
	name string
}

func (d *draft) middleware(router, name string) middleware {
	return middleware{d: d, name: router + "_" + name}
}

func (m middleware) set(option, value string) {
	m.d.made["traefik.http.middlewares."+m.name+"."+option] = value
}

// text copies an annotation if it is there.
func (m middleware) text(option, annotation string) {
	if value, ok := m.d.text(annotation); ok {
		m.set(option, value)
	}
}

func (m middleware) list(option, annotation string) {
	if value, ok := m.d.text(annotation); ok {
		m.set(option, strings.Join(splitList(value), ","))
	}
}

func (m middleware) truth(option, annotation string) {
	if m.d.truth(annotation) {
		m.set(option, "true")
	}
}

func (m middleware) number(option, annotation string) {
	if number, ok := m.d.number(annotation); ok {
		m.set(option, strconv.FormatInt(number, 10))
	}
}
