package traefik

import (
	"strings"
)

// innerMiddlewares are those that see the path as the server will, in the order
// of Traefik 1.7.
func (f frontend) innerMiddlewares() []string {
	var chain []string
	for _, one := range [][]string{
		f.headers(), f.clientCertificate(), f.auth(),
		f.circuitBreaker(), f.buffering(), f.maxConnections(), f.rateLimits(),
	} {
		chain = append(chain, one...)
	}
	return chain
}

func (f frontend) auth() []string {
	m := f.middleware(f.router, "auth")
	from := f.prefix + "auth."
	var kind string
	switch {
	case f.any(from + "basic"):
		kind = "basicauth."
		m.list(kind+"users", from+"basic.users")
		m.list(kind+"users", from+"basic")
		m.text(kind+"usersfile", from+"basic.usersFile")
		m.truth(kind+"removeheader", from+"basic.removeHeader")
		f.ignored(from+"digest.", "auth.basic")
		f.ignored(from+"forward.", "auth.basic")
	case f.any(from + "digest."):
		kind = "digestauth."
		m.list(kind+"users", from+"digest.users")
		m.text(kind+"usersfile", from+"digest.usersFile")
		m.truth(kind+"removeheader", from+"digest.removeHeader")
		f.ignored(from+"forward.", "auth.digest")
	case f.any(from + "forward."):
		kind = "forwardauth."
		f.forwardAuth(m, from+"forward.")
	default:
		f.orphan(from + "headerField")
		return nil
	}
	m.text(kind+"headerfield", from+"headerField")
	return []string{m.name}
}

func (f frontend) forwardAuth(m middleware, from string) {
	m.text("forwardauth.address", from+"address")
	m.list("forwardauth.authresponseheaders", from+"authResponseHeaders")
	m.truth("forwardauth.trustforwardheader", from+"trustForwardHeader")
	m.text("forwardauth.tls.ca", from+"tls.ca")
	m.text("forwardauth.tls.cert", from+"tls.cert")
	m.text("forwardauth.tls.key", from+"tls.key")
	m.truth("forwardauth.tls.insecureskipverify", from+"tls.insecureSkipVerify")
}

// ignored says of a group that Traefik 1.7 takes only one of two.
func (d *draft) ignored(prefix, beside string) {
	for name := range d.labels {
		if strings.HasPrefix(name, prefix) {
			d.lost(name, "Traefik 1.7 ignores it beside "+beside)
		}
	}
}

func (f frontend) clientCertificate() []string {
	from := f.prefix + "passTLSClientCert."
	if !f.any(from) {
		return nil
	}
	m := f.middleware(f.router, "cert")
	for name := range f.labels {
		if option, ok := strings.CutPrefix(name, from); ok {
			m.truth("passtlsclientcert."+lower(strings.Replace(option, "infos", "info", 1)), name)
		}
	}
	return []string{m.name}
}

// headers copies what Traefik 3 still has.
func (f frontend) headers() []string {
	m := f.middleware(f.router, "headers")
	from := f.prefix + "headers."
	before := len(f.made)
	for _, option := range []string{"customRequestHeaders", "customResponseHeaders", "SSLProxyHeaders"} {
		f.headerMap(m, "headers."+lower(option), from+option)
	}
	for _, option := range []string{"allowedHosts", "hostsProxyHeaders"} {
		m.list("headers."+lower(option), from+option)
	}
	for _, option := range []string{
		"STSIncludeSubdomains", "STSPreload", "forceSTSHeader", "frameDeny", "contentTypeNosniff", "browserXSSFilter", "isDevelopment",
	} {
		m.truth("headers."+lower(option), from+option)
	}
	for _, option := range []string{
		"customFrameOptionsValue", "customBrowserXSSValue", "contentSecurityPolicy", "publicKey", "referrerPolicy",
	} {
		m.text("headers."+lower(option), from+option)
	}
	m.number("headers.stsseconds", from+"STSSeconds")
	if len(f.made) == before {
		return nil
	}
	return []string{m.name}
}

// headerMap copies "Name:value||Name:value". A dot in a name would end it in a tag.
func (f frontend) headerMap(m middleware, option, annotation string) {
	text, ok := f.text(annotation)
	if !ok {
		return
	}
	for pair := range strings.SplitSeq(text, "||") {
		name, value, ok := strings.Cut(pair, ":")
		name, value = strings.TrimSpace(name), strings.TrimSpace(value)
		switch {
		case !ok || name == "":
			f.review(annotation, "a part without a colon is left out, as Traefik 1.7 does: write Name:value||Name:value")
		case !isToken(name):
			f.lost(annotation, "a header's name holds more than letters, digits and dashes, which no tag can say")
		default:
			m.set(option+"."+name, value)
		}
	}
}

// isToken tells what can stand as a bare key in TOML and as a name in a tag.
func isToken(name string) bool { return name != "" && plain(name) == name }
