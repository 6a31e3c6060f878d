package traefik

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// outerMiddlewares are those that see the path as the client sent it. Traefik 1.7
// runs error pages, white list and redirection in this order.
func (f frontend) outerMiddlewares() []string {
	var chain []string
	for _, one := range [][]string{f.errorPages(), f.allowList(), f.redirect(), f.sslRedirect()} {
		chain = append(chain, one...)
	}
	return chain
}

// redirects tells which middlewares do not belong on the target of a redirection.
func (f frontend) redirects(name string) bool { return name == f.router+"_redirect" }

func (f frontend) errorPages() []string {
	var chain []string
	for _, page := range f.chosen("errors.") {
		from := f.prefix + "errors." + page + "."
		if _, ok := f.text(from + "backend"); !ok {
			continue
		}
		m := f.middleware(f.router, "errors-"+plain(page))
		m.list("errors.status", from+"status")
		m.text("errors.query", from+"query")
		backend, _ := f.text(from + "backend")
		m.set("errors.service", f.peer(lower(backend)))
		chain = append(chain, m.name)
	}
	return chain
}

// chosen are the names that a site gave what there may be several of.
func (f frontend) chosen(group string) []string {
	names := map[string]bool{}
	for label := range f.labels {
		if rest, ok := strings.CutPrefix(label, f.prefix+group); ok {
			name, _, _ := strings.Cut(rest, ".")
			names[name] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}

func (f frontend) allowList() []string {
	m := f.middleware(f.router, "allow")
	current, old := f.prefix+"whiteList.sourceRange", f.prefix+"whitelistSourceRange"
	_, isNew := f.text(current)
	_, isOld := f.text(old)
	switch {
	case isNew:
		m.list("ipallowlist.sourcerange", current)
		if f.truth(f.prefix + "whiteList.useXForwardedFor") {
			m.set("ipallowlist.ipstrategy.depth", "1")
		}
		if isOld {
			f.lost(old, "Traefik 1.7 ignores it beside whiteList.sourceRange")
		}
	case isOld:
		m.list("ipallowlist.sourcerange", old)
	default:
		return nil
	}
	return []string{m.name}
}

func (f frontend) redirect() []string {
	m := f.middleware(f.router, "redirect")
	point, regex, replacement := f.prefix+"redirect.entryPoint", f.prefix+"redirect.regex", f.prefix+"redirect.replacement"
	if target, ok := f.text(point); ok {
		scheme := "http"
		if slices.Contains(f.site.TLSEntryPoints, target) {
			scheme = "https"
		}
		m.set("redirectscheme.scheme", scheme)
		m.truth("redirectscheme.permanent", f.prefix+"redirect.permanent")
		for _, ignored := range []string{regex, replacement} {
			if _, ok := f.text(ignored); ok {
				f.lost(ignored, "Traefik 1.7 ignores it beside redirect.entryPoint")
			}
		}
		return []string{m.name}
	}
	from, isFrom := f.text(regex)
	to, isTo := f.text(replacement)
	if !isFrom || !isTo {
		f.orphan(regex, replacement, f.prefix+"redirect.permanent")
		return nil
	}
	if _, err := regexp.Compile(from); err != nil {
		f.spoil(regex, fmt.Sprintf("it does not compile: %v", err))
		return nil
	}
	if strings.Contains(to, "{{") {
		f.spoil(replacement, "Traefik 2 and 3 expand no template in it")
		return nil
	}
	m.set("redirectregex.regex", from)
	m.set("redirectregex.replacement", to)
	m.truth("redirectregex.permanent", f.prefix+"redirect.permanent")
	return []string{m.name}
}

// orphan says of annotations that Traefik 1.7 ignores them without another one.
func (d *draft) orphan(names ...string) {
	for _, name := range names {
		if _, ok := d.text(name); ok {
			d.lost(name, "Traefik 1.7 ignores it without the others of its group")
		}
	}
}

// sslRedirect makes a middleware of what was a header option.
func (f frontend) sslRedirect() []string {
	redirect, temporary := f.prefix+"headers.SSLRedirect", f.prefix+"headers.SSLTemporaryRedirect"
	if !f.truth(redirect) {
		return nil
	}
	m := f.middleware(f.router, "ssl")
	m.set("redirectscheme.scheme", "https")
	if !f.truth(temporary) {
		m.set("redirectscheme.permanent", "true")
	}
	return []string{m.name}
}
