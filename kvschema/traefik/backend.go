package traefik

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// backend drafts the service. It always says one thing, so that the service has
// the name that routers and other services' error pages expect.
func (d *draft) backend() {
	d.passHostHeader()
	d.server()
	d.method()
	d.stickiness()
	d.healthCheck()
	if interval, ok := d.duration("traefik.backend.responseForwarding.flushInterval"); ok {
		d.balancer("responseforwarding.flushinterval", interval)
	}
}

// passHostHeader moves from the frontends to the one service they share.
func (d *draft) passHostHeader() {
	pass := true
	const main = "traefik.frontend.passHostHeader"
	if _, ok := d.text(main); ok {
		pass = d.truth(main)
	}
	d.balancer("passhostheader", strconv.FormatBool(pass))
	for _, f := range d.frontends()[1:] {
		name := f.prefix + "passHostHeader"
		if _, ok := d.text(name); ok && d.truth(name) != pass {
			d.lost(name, "in Traefik 2 and 3 it is the service's, and all frontends share one")
		}
	}
}

func (d *draft) server() {
	if protocol, ok := d.text("traefik.protocol"); ok {
		if !slices.Contains([]string{"http", "https", "h2c"}, protocol) {
			d.spoil("traefik.protocol", "it is none of http, https and h2c")
		} else {
			d.balancer("server.scheme", protocol)
		}
	}
	weight, old := "traefik.weight", "traefik.backend.weight"
	if _, ok := d.text(old); ok { // which counts more in Traefik 1.7
		if _, ok := d.text(weight); ok {
			d.lost(weight, "Traefik 1.7 ignores it beside traefik.backend.weight")
		}
		weight = old
	}
	if number, ok := d.number(weight); ok {
		d.balancer("server.weight", strconv.FormatInt(number, 10))
	}
}

func (d *draft) method() {
	current, old := "traefik.backend.loadbalancer.method", "traefik.backend.loadbalancer"
	if _, ok := d.text(current); ok {
		if _, ok := d.text(old); ok {
			d.lost(old, "Traefik 1.7 ignores it beside traefik.backend.loadbalancer.method")
		}
	} else {
		current = old
	}
	switch method, ok := d.text(current); {
	case !ok:
	case strings.EqualFold(method, "wrr"):
		d.say(current, Clean, "it is the default")
	case strings.EqualFold(method, "drr"):
		d.lost(current, "Traefik 2 and 3 have no dynamic round robin and take wrr; traefik.http.services.X.loadbalancer.strategy=p2c of Traefik 3 comes closest")
	default:
		d.lost(current, "it is neither wrr nor drr: Traefik 1.7 drops the frontend")
	}
}

func (d *draft) stickiness() {
	const lb = "traefik.backend.loadbalancer."
	// Both are read, so that both are looked at.
	sticky, old := d.truth(lb+"stickiness"), d.truth(lb+"sticky")
	if !sticky && !old {
		d.orphan(lb+"stickiness.cookieName", lb+"stickiness.secure", lb+"stickiness.httpOnly", lb+"stickiness.sameSite")
		return
	}
	d.balancer("sticky.cookie", "true")
	if name, ok := d.text(lb + "stickiness.cookieName"); ok {
		d.balancer("sticky.cookie.name", name)
	}
	if d.truth(lb + "stickiness.secure") {
		d.balancer("sticky.cookie.secure", "true")
	}
	if d.truth(lb + "stickiness.httpOnly") {
		d.balancer("sticky.cookie.httponly", "true")
	}
	if site, ok := d.text(lb + "stickiness.sameSite"); ok {
		if !slices.Contains([]string{"none", "lax", "strict"}, site) {
			d.spoil(lb+"stickiness.sameSite", "it is none of none, lax and strict")
			return
		}
		d.balancer("sticky.cookie.samesite", site)
	}
	// An option below the cookie says that there is one.
	if d.anyMade("traefik.http.services." + d.router + ".loadbalancer.sticky.cookie.") {
		delete(d.made, "traefik.http.services."+d.router+".loadbalancer.sticky.cookie")
	}
}

func (d *draft) anyMade(prefix string) bool {
	for name := range d.made {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

func (d *draft) healthCheck() {
	const check = "traefik.backend.healthcheck."
	path, ok := d.text(check + "path")
	if !ok {
		d.orphan(check+"scheme", check+"port", check+"interval", check+"hostname", check+"headers")
		return
	}
	d.balancer("healthcheck.path", path)
	for _, option := range []string{"scheme", "hostname"} {
		if value, ok := d.text(check + option); ok {
			d.balancer("healthcheck."+option, value)
		}
	}
	if port, ok := d.number(check + "port"); ok {
		d.balancer("healthcheck.port", strconv.FormatInt(port, 10))
	}
	if interval, ok := d.duration(check + "interval"); ok {
		d.balancer("healthcheck.interval", interval)
	}
	d.healthCheckHeaders(check + "headers")
}

func (d *draft) healthCheckHeaders(annotation string) {
	text, _ := d.text(annotation)
	for pair := range strings.SplitSeq(text, "||") {
		name, value, _ := strings.Cut(pair, ":")
		if name = strings.TrimSpace(name); isToken(name) {
			d.balancer("healthcheck.headers."+name, strings.TrimSpace(value))
		}
	}
}

// duration reads one with a unit, or a number of seconds, and writes it with one.
func (d *draft) duration(name string) (string, bool) {
	text, ok := d.text(name)
	if !ok {
		return "", false
	}
	if seconds, err := strconv.ParseInt(text, 10, 32); err == nil {
		return (time.Duration(seconds) * time.Second).String(), true
	}
	if _, err := time.ParseDuration(text); err != nil {
		d.spoil(name, "it is no duration: write as 10s")
		return "", false
	}
	return text, true
}
