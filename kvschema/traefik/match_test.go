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
	"github.com/k8s-registrar/k8s-registrar/kvschema/traefik/traefiktest"
)

// matches1 decides as Traefik 1.7 does, written from the documentation of its
// matchers and of gorilla/mux. It shares nothing with the translation.
func matches1(rule traefik.Rule, r traefiktest.Request) bool {
	for _, term := range rule {
		if !matchesTerm(term, r) {
			return false
		}
	}
	return true
}

func matchesTerm(term traefik.Term, r traefiktest.Request) bool {
	some := func(match func(string) bool) bool { return slices.ContainsFunc(term.Arguments, match) }
	switch term.Name {
	case "Host":
		return some(func(host string) bool { return strings.EqualFold(host, r.Host) })
	case "HostRegexp":
		return some(func(host string) bool { return mux("(?i)^", host, "$", "[^.]+").MatchString(r.Host) })
	case "Path", "PathStrip", "PathStripRegex":
		return some(func(path string) bool { return mux("^", path, "$", "[^/]+").MatchString(r.Path) })
	case "PathPrefix", "PathPrefixStrip", "PathPrefixStripRegex":
		return some(func(path string) bool { return mux("^", path, "", "[^/]+").MatchString(r.Path) })
	case "Method":
		return some(func(method string) bool { return strings.EqualFold(method, r.Method) })
	case "Headers":
		return each(inMap(term.Arguments), func(name, want string) bool {
			got, ok := r.Headers[strings.ToLower(name)]
			return ok && (want == "" || want == got)
		})
	case "HeadersRegexp":
		return each(inMap(term.Arguments), func(name, pattern string) bool {
			got, ok := r.Headers[strings.ToLower(name)]
			return ok && regexp.MustCompile(pattern).MatchString(got)
		})
	case "Query":
		return each(strings.Split(strings.Join(term.Arguments, "="), "="), func(name, want string) bool {
			got, ok := r.Query[name]
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
func matches3(t interface{ Fatalf(string, ...any) }, expression string, r traefiktest.Request) bool {
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

func matchesCall(t interface{ Fatalf(string, ...any) }, name string, a []string, r traefiktest.Request) bool {
	like := func(text string) bool { return regexp.MustCompile(a[len(a)-1]).MatchString(text) }
	if strings.HasPrefix(name, "Header") {
		got, ok := r.Headers[strings.ToLower(a[0])]
		return ok && (name == "Header" && got == a[1] || name == "HeaderRegexp" && like(got))
	}
	if strings.HasPrefix(name, "Query") {
		got, ok := r.Query[a[0]]
		return ok && (name == "Query" && got == a[1] || name == "QueryRegexp" && like(got))
	}
	switch name {
	case "Host":
		return r.Host == a[0]
	case "HostRegexp":
		return like(r.Host)
	case "Method":
		return r.Method == a[0]
	case "Path":
		return r.Path == a[0]
	case "PathPrefix":
		return strings.HasPrefix(r.Path, a[0])
	case "PathRegexp":
		return like(r.Path)
	}
	t.Fatalf("%s is no matcher of Traefik 3", name)
	return false
}

// A request matches in both generations or in neither.
func TestTranslatedRulesMatchTheSameRequests(t *testing.T) {
	var matched, all int
	rapid.Check(t, func(t *rapid.T) {
		text := traefiktest.DrawRule(t)
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
			r := traefiktest.DrawRequest(t)
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
