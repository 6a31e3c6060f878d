package traefik

func serviceAnnotations() []Annotation {
	const never = "Traefik 1.7 does not read it from a Consul catalog"
	return []Annotation{
		{Name: "traefik.enable", Becomes: "traefik.enable", Kind: Clean, Note: "written as true or false: Traefik 3 finds no other spelling when exposedByDefault is false"},
		{Name: "traefik.tags", Becomes: "each value a tag of its own", Kind: Review, Note: "write the constraint of Traefik 2 and 3 as Tag(`...`): it sees plain tags only"},
		{Name: "traefik.protocol", Becomes: "traefik.http.services.X.loadbalancer.server.scheme", Kind: Clean, text: true},
		{Name: "traefik.weight", Becomes: "traefik.http.services.X.loadbalancer.server.weight", Kind: Review, Note: "Traefik 3 only: Traefik 2 skips a service with such a tag"},
		{Name: "traefik.backend.weight", Becomes: "traefik.http.services.X.loadbalancer.server.weight", Kind: Review, Note: "Traefik 3 only: Traefik 2 skips a service with such a tag"},
		{Name: "traefik.backend", Kind: Lost, Note: never},
		{Name: "traefik.backend.id", Kind: Lost, Note: never},
		{Name: "traefik.domain", Kind: Lost, Note: never},
		{Name: "traefik.port", Kind: Lost, Note: never},
		{Name: "traefik.portName", Kind: Lost, Note: never},
		{Name: "traefik.portIndex", Kind: Lost, Note: never},
	}
}

func backendAnnotations() []Annotation {
	const lb = "traefik.http.services.X.loadbalancer."
	const mw = "traefik.http.middlewares.X_"
	return []Annotation{
		{Name: "traefik.backend.loadbalancer", Kind: Clean, Note: "wrr is the default; drr is lost, p2c comes closest", text: true},
		{Name: "traefik.backend.loadbalancer.method", Kind: Clean, Note: "wrr is the default; drr is lost, p2c comes closest", text: true},
		{Name: "traefik.backend.loadbalancer.sticky", Becomes: lb + "sticky.cookie", Kind: Clean},
		{Name: "traefik.backend.loadbalancer.stickiness", Becomes: lb + "sticky.cookie", Kind: Clean},
		{Name: "traefik.backend.loadbalancer.stickiness.cookieName", Becomes: lb + "sticky.cookie.name", Kind: Clean, text: true},
		{Name: "traefik.backend.loadbalancer.stickiness.secure", Becomes: lb + "sticky.cookie.secure", Kind: Clean},
		{Name: "traefik.backend.loadbalancer.stickiness.httpOnly", Becomes: lb + "sticky.cookie.httponly", Kind: Clean},
		{Name: "traefik.backend.loadbalancer.stickiness.sameSite", Becomes: lb + "sticky.cookie.samesite", Kind: Clean, text: true},
		{Name: "traefik.backend.healthcheck.path", Becomes: lb + "healthcheck.path", Kind: Clean, text: true},
		{Name: "traefik.backend.healthcheck.scheme", Becomes: lb + "healthcheck.scheme", Kind: Clean, text: true},
		{Name: "traefik.backend.healthcheck.port", Becomes: lb + "healthcheck.port", Kind: Clean},
		{Name: "traefik.backend.healthcheck.interval", Becomes: lb + "healthcheck.interval", Kind: Clean, text: true},
		{Name: "traefik.backend.healthcheck.hostname", Becomes: lb + "healthcheck.hostname", Kind: Clean, text: true},
		{Name: "traefik.backend.healthcheck.headers", Becomes: lb + "healthcheck.headers.NAME", Kind: Clean, text: true},
		{Name: "traefik.backend.responseForwarding.flushInterval", Becomes: lb + "responseforwarding.flushinterval", Kind: Clean, text: true},
		{Name: "traefik.backend.circuitbreaker", Becomes: mw + "breaker.circuitbreaker.expression", Kind: Clean, text: true},
		{Name: "traefik.backend.circuitbreaker.expression", Becomes: mw + "breaker.circuitbreaker.expression", Kind: Clean, text: true},
		{Name: "traefik.backend.buffering.maxRequestBodyBytes", Becomes: mw + "buffering.buffering.maxrequestbodybytes", Kind: Clean},
		{Name: "traefik.backend.buffering.memRequestBodyBytes", Becomes: mw + "buffering.buffering.memrequestbodybytes", Kind: Clean},
		{Name: "traefik.backend.buffering.maxResponseBodyBytes", Becomes: mw + "buffering.buffering.maxresponsebodybytes", Kind: Clean},
		{Name: "traefik.backend.buffering.memResponseBodyBytes", Becomes: mw + "buffering.buffering.memresponsebodybytes", Kind: Clean},
		{Name: "traefik.backend.buffering.retryExpression", Becomes: mw + "buffering.buffering.retryexpression", Kind: Clean, text: true},
		{Name: "traefik.backend.maxconn.amount", Becomes: mw + "maxconn.inflightreq.amount", Kind: Review, Note: "counted for each router and Traefik"},
		{Name: "traefik.backend.maxconn.extractorfunc", Becomes: mw + "maxconn.inflightreq.sourcecriterion", Kind: Review, Note: "client.ip, request.host or request.header.NAME", text: true},
	}
}

func frontendAnnotations() []Annotation {
	const mw = "traefik.http.middlewares.X_"
	return []Annotation{
		{Name: "traefik.frontend.rule", Becomes: "traefik.http.routers.X.rule", Kind: Clean, Note: "modifiers become middlewares; a template {{ }} is lost", text: true},
		{Name: "traefik.frontend.entryPoints", Becomes: "traefik.http.routers.X.entrypoints", Kind: Review, Note: "the names must exist in Traefik 2 and 3; those with TLS get a router X_tls of their own", text: true},
		{Name: "traefik.frontend.priority", Becomes: "traefik.http.routers.X.priority", Kind: Clean, Note: "without it the length of the 1.7 rule, so that overlapping routes keep their order"},
		{Name: "traefik.frontend.passHostHeader", Becomes: "traefik.http.services.X.loadbalancer.passhostheader", Kind: Clean},
		{Name: "traefik.frontend.redirect.entryPoint", Becomes: mw + "redirect.redirectscheme.scheme", Kind: Review, Note: "to the default port of the scheme", text: true},
		{Name: "traefik.frontend.redirect.regex", Becomes: mw + "redirect.redirectregex.regex", Kind: Clean, text: true},
		{Name: "traefik.frontend.redirect.replacement", Becomes: mw + "redirect.redirectregex.replacement", Kind: Clean, text: true},
		{Name: "traefik.frontend.redirect.permanent", Becomes: mw + "redirect.*.permanent", Kind: Clean},
		{Name: "traefik.frontend.whiteList.sourceRange", Becomes: mw + "allow.ipallowlist.sourcerange", Kind: Clean, Note: "Traefik 2 before 2.11 calls it ipwhitelist", text: true},
		{Name: "traefik.frontend.whiteList.useXForwardedFor", Becomes: mw + "allow.ipallowlist.ipstrategy.depth", Kind: Review, Note: "the last address of X-Forwarded-For counts; Traefik 1.7 took any"},
		{Name: "traefik.frontend.whitelistSourceRange", Becomes: mw + "allow.ipallowlist.sourcerange", Kind: Clean, Note: "Traefik 2 before 2.11 calls it ipwhitelist", text: true},
		{Name: "traefik.frontend.errors.*.status", Becomes: mw + "errors-NAME.errors.status", Kind: Review, Note: "the page comes from the service of that name", text: true},
		{Name: "traefik.frontend.errors.*.query", Becomes: mw + "errors-NAME.errors.query", Kind: Review, Note: "the page comes from the service of that name", text: true},
		{Name: "traefik.frontend.errors.*.backend", Becomes: mw + "errors-NAME.errors.service", Kind: Review, Note: "taken for the Service of that name in the same namespace", text: true},
		{Name: "traefik.frontend.rateLimit.extractorFunc", Becomes: mw + "rate-NAME.ratelimit.sourcecriterion", Kind: Review, Note: "client.ip, request.host or request.header.NAME", text: true},
		{Name: "traefik.frontend.rateLimit.rateSet.*.period", Becomes: mw + "rate-NAME.ratelimit.period", Kind: Review, Note: "another way to count: a bucket for each source"},
		{Name: "traefik.frontend.rateLimit.rateSet.*.average", Becomes: mw + "rate-NAME.ratelimit.average", Kind: Review, Note: "another way to count: a bucket for each source"},
		{Name: "traefik.frontend.rateLimit.rateSet.*.burst", Becomes: mw + "rate-NAME.ratelimit.burst", Kind: Review, Note: "another way to count: a bucket for each source"},
	}
}

func authAnnotations() []Annotation {
	const auth = "traefik.http.middlewares.X_auth."
	return []Annotation{
		{Name: "traefik.frontend.auth.basic", Becomes: auth + "basicauth.users", Kind: Clean, text: true},
		{Name: "traefik.frontend.auth.basic.users", Becomes: auth + "basicauth.users", Kind: Clean, text: true},
		{Name: "traefik.frontend.auth.basic.usersFile", Becomes: auth + "basicauth.usersfile", Kind: Review, Note: "the file must exist where Traefik 2 and 3 run", text: true},
		{Name: "traefik.frontend.auth.basic.removeHeader", Becomes: auth + "basicauth.removeheader", Kind: Clean},
		{Name: "traefik.frontend.auth.digest.users", Becomes: auth + "digestauth.users", Kind: Clean, text: true},
		{Name: "traefik.frontend.auth.digest.usersFile", Becomes: auth + "digestauth.usersfile", Kind: Review, Note: "the file must exist where Traefik 2 and 3 run", text: true},
		{Name: "traefik.frontend.auth.digest.removeHeader", Becomes: auth + "digestauth.removeheader", Kind: Clean},
		{Name: "traefik.frontend.auth.forward.address", Becomes: auth + "forwardauth.address", Kind: Clean, text: true},
		{Name: "traefik.frontend.auth.forward.authResponseHeaders", Becomes: auth + "forwardauth.authresponseheaders", Kind: Clean, text: true},
		{Name: "traefik.frontend.auth.forward.trustForwardHeader", Becomes: auth + "forwardauth.trustforwardheader", Kind: Clean},
		{Name: "traefik.frontend.auth.forward.tls.ca", Becomes: auth + "forwardauth.tls.ca", Kind: Review, Note: "the file must exist where Traefik 2 and 3 run", text: true},
		{Name: "traefik.frontend.auth.forward.tls.caOptional", Kind: Lost, Note: "Traefik 3 has no optional authority: leave it out"},
		{Name: "traefik.frontend.auth.forward.tls.cert", Becomes: auth + "forwardauth.tls.cert", Kind: Review, Note: "the file must exist where Traefik 2 and 3 run", text: true},
		{Name: "traefik.frontend.auth.forward.tls.key", Becomes: auth + "forwardauth.tls.key", Kind: Review, Note: "the file must exist where Traefik 2 and 3 run", text: true},
		{Name: "traefik.frontend.auth.forward.tls.insecureSkipVerify", Becomes: auth + "forwardauth.tls.insecureskipverify", Kind: Clean},
		{Name: "traefik.frontend.auth.headerField", Becomes: auth + "*auth.headerfield", Kind: Clean, text: true},
	}
}

func headerAnnotations() []Annotation {
	const headers = "traefik.http.middlewares.X_headers.headers."
	const entryPoint = "Traefik 3 redirects by entry point or middleware only"
	return []Annotation{
		{Name: "traefik.frontend.headers.customRequestHeaders", Becomes: headers + "customrequestheaders.NAME", Kind: Clean, text: true},
		{Name: "traefik.frontend.headers.customResponseHeaders", Becomes: headers + "customresponseheaders.NAME", Kind: Clean, text: true},
		{Name: "traefik.frontend.headers.SSLProxyHeaders", Becomes: headers + "sslproxyheaders.NAME", Kind: Clean, text: true},
		{Name: "traefik.frontend.headers.allowedHosts", Becomes: headers + "allowedhosts", Kind: Clean, text: true},
		{Name: "traefik.frontend.headers.hostsProxyHeaders", Becomes: headers + "hostsproxyheaders", Kind: Clean, text: true},
		{Name: "traefik.frontend.headers.SSLRedirect", Becomes: "traefik.http.middlewares.X_ssl.redirectscheme.scheme", Kind: Review, Note: entryPoint},
		{Name: "traefik.frontend.headers.SSLTemporaryRedirect", Becomes: "traefik.http.middlewares.X_ssl.redirectscheme.permanent", Kind: Review, Note: entryPoint},
		{Name: "traefik.frontend.headers.SSLHost", Kind: Lost, Note: "Traefik 3 has none: use a redirectregex", text: true},
		{Name: "traefik.frontend.headers.SSLForceHost", Kind: Lost, Note: "Traefik 3 has none: use a redirectregex"},
		{Name: "traefik.frontend.headers.STSSeconds", Becomes: headers + "stsseconds", Kind: Clean},
		{Name: "traefik.frontend.headers.STSIncludeSubdomains", Becomes: headers + "stsincludesubdomains", Kind: Clean},
		{Name: "traefik.frontend.headers.STSPreload", Becomes: headers + "stspreload", Kind: Clean},
		{Name: "traefik.frontend.headers.forceSTSHeader", Becomes: headers + "forcestsheader", Kind: Clean},
		{Name: "traefik.frontend.headers.frameDeny", Becomes: headers + "framedeny", Kind: Clean},
		{Name: "traefik.frontend.headers.customFrameOptionsValue", Becomes: headers + "customframeoptionsvalue", Kind: Clean, text: true},
		{Name: "traefik.frontend.headers.contentTypeNosniff", Becomes: headers + "contenttypenosniff", Kind: Clean},
		{Name: "traefik.frontend.headers.browserXSSFilter", Becomes: headers + "browserxssfilter", Kind: Clean},
		{Name: "traefik.frontend.headers.customBrowserXSSValue", Becomes: headers + "custombrowserxssvalue", Kind: Clean, text: true},
		{Name: "traefik.frontend.headers.contentSecurityPolicy", Becomes: headers + "contentsecuritypolicy", Kind: Clean, text: true},
		{Name: "traefik.frontend.headers.publicKey", Becomes: headers + "publickey", Kind: Clean, text: true},
		{Name: "traefik.frontend.headers.referrerPolicy", Becomes: headers + "referrerpolicy", Kind: Clean, text: true},
		{Name: "traefik.frontend.headers.isDevelopment", Becomes: headers + "isdevelopment", Kind: Clean},
	}
}

func certificateAnnotations() []Annotation {
	const info = "traefik.http.middlewares.X_cert.passtlsclientcert."
	const header = "the header is called X-Forwarded-Tls-Client-Cert-Info, without the last s, and has another form"
	made := []Annotation{
		{Name: "traefik.frontend.passTLSCert", Kind: Lost, Note: "configure a serversTransport in Traefik 2 and 3"},
		{Name: "traefik.frontend.passTLSClientCert.pem", Becomes: info + "pem", Kind: Review, Note: "the header holds the certificate in another form"},
		{Name: "traefik.frontend.passTLSClientCert.infos.notAfter", Becomes: info + "info.notafter", Kind: Review, Note: header},
		{Name: "traefik.frontend.passTLSClientCert.infos.notBefore", Becomes: info + "info.notbefore", Kind: Review, Note: header},
		{Name: "traefik.frontend.passTLSClientCert.infos.sans", Becomes: info + "info.sans", Kind: Review, Note: header},
	}
	for _, of := range []string{"subject", "issuer"} {
		for _, field := range []string{"commonName", "country", "domainComponent", "locality", "organization", "province", "serialNumber"} {
			made = append(made, Annotation{
				Name:    "traefik.frontend.passTLSClientCert.infos." + of + "." + field,
				Becomes: info + "info." + of + "." + lower(field), Kind: Review, Note: header,
			})
		}
	}
	return made
}
