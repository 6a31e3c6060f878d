package traefik

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// translate drafts the service, and a router or two for each frontend.
func (d *draft) translate() {
	var made bool
	frontends := d.frontends()
	for _, frontend := range frontends {
		made = frontend.translate() || made
	}
	if !made {
		d.withoutRouter()
		return
	}
	d.backend()
}

// withoutRouter takes everything back: Traefik gives a service without a router
// the default one, and nothing else that is said of the service counts.
func (d *draft) withoutRouter() {
	clear(d.made)
	for name := range d.labels {
		if name != "traefik.enable" && name != "traefik.tags" {
			d.lost(name, "no rule could be translated, and without one it does not count")
		}
	}
}

// frontend is what becomes a router: the one of traefik.frontend., or one of
// traefik.frontends.NAME.
type frontend struct {
	*draft
	prefix string // of its annotations, with the closing dot
	router string
}

func (d *draft) frontends() []frontend {
	made := []frontend{{draft: d, prefix: "traefik.frontend.", router: d.router}}
	names := map[string]bool{}
	for name := range d.labels {
		if rest, ok := strings.CutPrefix(name, "traefik.frontends."); ok {
			segment, _, _ := strings.Cut(rest, ".")
			names[segment] = true
		}
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		made = append(made, frontend{draft: d, prefix: "traefik.frontends." + name + ".", router: d.router + "__" + plain(name)})
	}
	return made
}

func (f frontend) translate() bool {
	name := f.prefix + "rule"
	text, ok := f.text(name)
	if !ok {
		if _, said := f.verdicts[name]; !said && (f.any(f.prefix) || !f.any("traefik.frontends.")) {
			f.lost(name, "it is missing: Traefik 1.7 makes up Host:SERVICE.DOMAIN and Traefik 2 and 3 their default rule; write the rule out")
		}
		return false
	}
	rule, expression, changes, err := translateRule(text)
	if err != nil {
		f.spoil(name, err.Error())
		return false
	}
	chain := f.outerMiddlewares()
	for _, change := range changes {
		m := f.middleware(f.router, change.name)
		for _, option := range change.options {
			m.set(option[0], option[1])
		}
		if change.review != "" {
			f.review(name, change.review)
		}
		chain = append(chain, m.name)
	}
	chain = append(chain, f.innerMiddlewares()...)
	f.routers(text, expression, chain)
	f.noteRule(name, rule)
	return true
}

// translateRule returns what a rule becomes.
func translateRule(text string) (rule Rule, expression string, changes []pathChange, err error) {
	// Traefik 1.7 cuts one dot, which a host that is made up may end with.
	if rule, err = ParseRule(strings.TrimSuffix(text, ".")); err != nil {
		return nil, "", nil, err
	}
	if expression, err = rule.Expression(); err != nil {
		return nil, "", nil, err
	}
	changes, err = rule.pathChanges()
	return rule, expression, changes, err
}

// noteRule says where requests differ that nobody sends in earnest.
func (f frontend) noteRule(name string, rule Rule) {
	if f.verdicts[name].Kind != Clean {
		return
	}
	var note string
	for _, term := range rule {
		switch term.Name {
		case "Path", "PathStrip", "PathStripRegex":
			note = "a request with one slash more or less at the end is no longer redirected"
		case "Query":
			note = "of a parameter that comes twice Traefik 1.7 sees the first value only"
		}
	}
	f.say(name, Clean, note)
}

// entryPoints are some of a frontend's, which are alike.
type entryPoints struct {
	suffix string // of the router's name
	names  []string
	tls    bool
	stay   bool // not redirected: the target of the redirection is among them
}

// routers writes one router for each kind of entry points. Its priority is what
// orders overlapping routes in Traefik 1.7: the length of the rule.
func (f frontend) routers(rule, expression string, chain []string) {
	priority := strconv.Itoa(len(strings.TrimSuffix(rule, ".")))
	if given, ok := f.number(f.prefix + "priority"); ok && given > 0 {
		priority = strconv.FormatInt(given, 10)
	}
	for _, points := range f.entryPoints() {
		router := "traefik.http.routers." + f.router + points.suffix + "."
		f.made[router+"rule"] = expression
		f.made[router+"priority"] = priority
		f.made[router+"service"] = f.draft.router
		if len(points.names) > 0 {
			f.made[router+"entrypoints"] = strings.Join(points.names, ",")
		}
		if points.tls {
			f.made[router+"tls"] = "true"
		}
		middlewares := chain
		if points.stay {
			middlewares = slices.DeleteFunc(slices.Clone(chain), f.redirects)
		}
		if len(middlewares) > 0 {
			f.made[router+"middlewares"] = strings.Join(middlewares, ",")
		}
	}
}

// entryPoints sorts the frontend's entry points by what routers need to know.
func (f frontend) entryPoints() []entryPoints {
	name := f.prefix + "entryPoints"
	list, _ := f.text(name)
	target, _ := f.text(f.prefix + "redirect.entryPoint")
	var made []entryPoints
	for _, point := range splitList(list) {
		kind := entryPoints{tls: slices.Contains(f.site.TLSEntryPoints, point), stay: point == target}
		i := slices.IndexFunc(made, func(other entryPoints) bool { return other.tls == kind.tls && other.stay == kind.stay })
		if i < 0 {
			i = len(made)
			made = append(made, kind)
		}
		made[i].names = append(made[i].names, point)
	}
	if len(made) == 0 {
		return []entryPoints{{}}
	}
	for i := range made {
		if len(made) > 1 && made[i].tls {
			made[i].suffix += "_tls"
		}
		if len(made) > 1 && made[i].stay && !made[i].tls {
			made[i].suffix += "_to"
		}
	}
	f.separate(made)
	return made
}

// separate tells routers apart whose suffix is still the same.
func (f frontend) separate(points []entryPoints) {
	seen := map[string]bool{}
	for i := range points {
		if seen[points[i].suffix] {
			points[i].suffix = fmt.Sprintf("%s_%d", points[i].suffix, i+1)
		}
		seen[points[i].suffix] = true
	}
}
