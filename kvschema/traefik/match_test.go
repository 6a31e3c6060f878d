package traefik_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/k8s-registrar/k8s-registrar/kvschema/traefik"
)

// request is what rules look at.
type request struct {
	method, host, path string
	headers, query     map[string]string
}

// matches1 decides as Traefik 1.7 does, written from the documentation of its
// matchers and of gorilla/mux. It shares nothing with the translation.
func matches1(rule traefik.Rule, r request) bool {
	for _, term := range rule {
		if !matchesTerm(term, r) {
			return false
		}
	}
	return true
}

func matchesTerm(term traefik.Term, r request) bool {
	some := func(match func(string) bool) bool { return slices.ContainsFunc(term.Arguments, match) }
	switch term.Name {
	case "Host":
		return some(func(host string) bool { return strings.EqualFold(host, r.host) })
	case "HostRegexp":
		return some(func(host string) bool { return mux("(?i)^", host, "$", "[^.]+").MatchString(r.host) })
	case "Path", "PathStrip", "PathStripRegex":
		return some(func(path string) bool { return mux("^", path, "$", "[^/]+").MatchString(r.path) })
	case "PathPrefix", "PathPrefixStrip", "PathPrefixStripRegex":
		return some(func(path string) bool { return mux("^", path, "", "[^/]+").MatchString(r.path) })
	case "Method":
		return some(func(method string) bool { return strings.EqualFold(method, r.method) })
	case "Headers":
		return each(inMap(term.Arguments), func(name, want string) bool {
			got, ok := r.headers[strings.ToLower(name)]
			return ok && (want == "" || want == got)
		})
	case "HeadersRegexp":
		return each(inMap(term.Arguments), func(name, pattern string) bool {
			got, ok := r.headers[strings.ToLower(name)]
			return ok && regexp.MustCompile(pattern).MatchString(got)
		})
	case "Query":
		return each(strings.Split(strings.Join(term.Arguments, "="), "="), func(name, want string) bool {
			got, ok := r.query[name]
			return ok && (want == "" || mux("^", want, "$", ".*").MatchString(got))
		})
	}
	return true
}

func each(list []string, match func(name, value string) bool) bool {
	for i := 0; i < len(list); i += 2 {
		if !match(list[i], list[i+1]) {
			return false
		}
	}
	return true
}

// inMap keeps the last of several values of one name, as a map does.
func inMap(list []string) []string {
	values := map[string]string{}
	for i := 0; i < len(list); i += 2 {
		values[list[i]] = list[i+1]
	}
	var made []string
	for name, value := range values {
		made = append(made, name, value)
	}
	return made
}

// mux is gorilla/mux's way from a template to an expression: each variable is a
// group of its own. The braces of the generator are never nested.
func mux(begin, template, end, ordinary string) *regexp.Regexp {
	var pattern strings.Builder
	for i, part := range strings.FieldsFunc("x"+template, func(r rune) bool { return r == '{' || r == '}' }) {
		if i == 0 {
			part = part[1:]
		}
		if i%2 == 0 {
			pattern.WriteString(regexp.QuoteMeta(part))
			continue
		}
		if _, own, ok := strings.Cut(part, ":"); ok {
			pattern.WriteString("(" + own + ")")
		} else {
			pattern.WriteString("(" + ordinary + ")")
		}
	}
	return regexp.MustCompile(begin + pattern.String() + end)
}

// matches3 decides as Traefik 3 does, written from its documentation.
func matches3(t interface{ Fatalf(string, ...any) }, expression string, r request) bool {
	tree, err := parser.ParseExpr(expression)
	if err != nil {
		t.Fatalf("%s does not parse: %v", expression, err)
	}
	var eval func(ast.Expr) bool
	eval = func(node ast.Expr) bool {
		switch node := node.(type) {
		case *ast.ParenExpr:
			return eval(node.X)
		case *ast.BinaryExpr:
			if node.Op == token.LAND {
				return eval(node.X) && eval(node.Y)
			}
			return eval(node.X) || eval(node.Y)
		case *ast.CallExpr:
			var arguments []string
			for _, argument := range node.Args {
				text, err := strconv.Unquote(argument.(*ast.BasicLit).Value)
				if err != nil || text == "" {
					t.Fatalf("%s has a bad argument: %v", expression, err)
				}
				arguments = append(arguments, text)
			}
			return matchesCall(t, node.Fun.(*ast.Ident).Name, arguments, r)
		}
		t.Fatalf("%s holds a %T", expression, node)
		return false
	}
	return eval(tree)
}

func matchesCall(t interface{ Fatalf(string, ...any) }, name string, a []string, r request) bool {
	like := func(text string) bool { return regexp.MustCompile(a[len(a)-1]).MatchString(text) }
	if strings.HasPrefix(name, "Header") {
		got, ok := r.headers[strings.ToLower(a[0])]
		return ok && (name == "Header" && got == a[1] || name == "HeaderRegexp" && like(got))
	}
	if strings.HasPrefix(name, "Query") {
		got, ok := r.query[a[0]]
		return ok && (name == "Query" && got == a[1] || name == "QueryRegexp" && like(got))
	}
	switch name {
	case "Host":
		return r.host == a[0]
	case "HostRegexp":
		return like(r.host)
	case "Method":
		return r.method == a[0]
	case "Path":
		return r.path == a[0]
	case "PathPrefix":
		return strings.HasPrefix(r.path, a[0])
	case "PathRegexp":
		return like(r.path)
	}
	t.Fatalf("%s is no matcher of Traefik 3", name)
	return false
}

// drawRule makes rules and requests of few words, so that they often meet.
func drawRule(t *rapid.T) string {
	hosts := []string{"a.example", "B.example", "c.a.example"}
	paths := []string{"/", "/x", "/x/", "/x/1", "/y.z", "/x/{id}", "/{n:[0-9]+}", "/x/{id:1|y}", "/{w:[a-z]*}/{n:\\d}"}
	arguments := map[string][]string{
		"Host": hosts, "HostRegexp": append(hosts, "{sub}.example", "{s:[a-c]+}.Example", "{s:a|B}.example", "c{s:.*}"),
		"Path": paths, "PathPrefix": paths, "PathStripRegex": paths, "PathPrefixStripRegex": paths,
		"PathStrip": paths[:5], "PathPrefixStrip": paths[:5],
		"Method": {"GET", "post", "PUT"}, "AddPrefix": {"/p"}, "ReplacePath": {"/r"}, "ReplacePathRegex": {"^/(.*) /$1"},
	}
	names := []string{
		"Host", "HostRegexp", "Path", "PathPrefix", "PathStripRegex", "PathPrefixStripRegex", "PathStrip", "PathPrefixStrip",
		"Method", "AddPrefix", "ReplacePath", "ReplacePathRegex", "Headers", "HeadersRegexp", "Query",
	}
	var terms []string
	for range rapid.IntRange(1, 3).Draw(t, "terms") {
		name := rapid.SampledFrom(names).Draw(t, "name")
		count := rapid.IntRange(1, 3).Draw(t, "arguments")
		var list []string
		for range count {
			switch name {
			case "Headers":
				list = append(list, rapid.SampledFrom([]string{"X-A,1", "x-b, ", "X-B,2", "X-A, "}).Draw(t, "header"))
			case "HeadersRegexp":
				list = append(list, rapid.SampledFrom([]string{"X-A,^[0-9]$", "X-B,2", "x-a,."}).Draw(t, "header"))
			case "Query":
				list = append(list, rapid.SampledFrom([]string{"q=1", "q=", "p={n:[0-9]+}", "p=x{n}"}).Draw(t, "query"))
			default:
				list = append(list, rapid.SampledFrom(arguments[name]).Draw(t, "argument"))
			}
		}
		separator := rapid.SampledFrom([]string{",", " , ", ",,"}).Draw(t, "separator")
		if strings.HasPrefix(name, "Headers") {
			separator = ","
		}
		terms = append(terms, name+":"+strings.Join(list, separator))
	}
	return strings.Join(terms, ";")
}

func drawRequest(t *rapid.T) request {
	pairs := func(what string, names ...string) map[string]string {
		made := map[string]string{}
		for _, name := range names {
			if value := rapid.SampledFrom([]string{"-", "", "1", "2", "x1"}).Draw(t, what); value != "-" {
				made[name] = value
			}
		}
		return made
	}
	return request{
		method:  rapid.SampledFrom([]string{"GET", "POST", "PUT"}).Draw(t, "method"),
		host:    rapid.SampledFrom([]string{"a.example", "b.example", "c.a.example", "other"}).Draw(t, "host"),
		path:    rapid.SampledFrom([]string{"/", "/x", "/x/", "/x/1", "/x/1/2", "/y.z", "/yyz", "/7", "/x/y", "/ab/3"}).Draw(t, "path"),
		headers: pairs("header value", "x-a", "x-b"),
		query:   pairs("query value", "q", "p"),
	}
}

// A request matches in both generations or in neither.
func TestTranslatedRulesMatchTheSameRequests(t *testing.T) {
	var matched, all int
	rapid.Check(t, func(t *rapid.T) {
		text := drawRule(t)
		rule, err := traefik.ParseRule(text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		all++
		expression, err := rule.Expression()
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		for range 10 {
			r := drawRequest(t)
			one, three := matches1(rule, r), matches3(t, expression, r)
			if one != three {
				t.Fatalf("%+v\nTraefik 1.7 %s: %t\nTraefik 3   %s: %t", r, text, one, expression, three)
			}
			if one {
				matched++
			}
		}
	})
	if matched < all/10 {
		t.Errorf("only %d requests matched %d rules: the test shows nothing", matched, all)
	}
}
