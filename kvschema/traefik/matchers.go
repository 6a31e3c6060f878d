package traefik

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// matchers are the names that a rule may call, with how many arguments; none
// stands for one or more.
type matchers map[string][]int

func matchersOf(protocol string, version int) matchers {
	switch {
	case protocol == "tcp" && version == 2:
		return matchers{"HostSNI": nil, "HostSNIRegexp": nil, "ClientIP": nil, "ALPN": nil}
	case protocol == "tcp":
		return matchers{"HostSNI": {1}, "HostSNIRegexp": {1}, "ClientIP": {1}, "ALPN": {1}}
	case version == 2:
		return matchers{
			"Host": nil, "HostHeader": nil, "HostRegexp": nil, "Path": nil, "PathPrefix": nil, "Method": nil,
			"Headers": {2}, "HeadersRegexp": {2}, "Query": nil, "ClientIP": nil,
		}
	default:
		return matchers{
			"Host": {1}, "HostRegexp": {1}, "Path": {1}, "PathRegexp": {1}, "PathPrefix": {1}, "Method": {1},
			"Header": {2}, "HeaderRegexp": {2}, "Query": {1, 2}, "QueryRegexp": {1, 2}, "ClientIP": {1},
		}
	}
}

// checkExpression tells why a rule of Traefik 2 or 3 does not parse. The grammar
// is that of Go: calls with strings for arguments, joined by &&, || and !.
func checkExpression(rule string, known matchers) error {
	expression, err := parser.ParseExpr(rule)
	if err != nil {
		return fmt.Errorf("it does not parse: %w", err)
	}
	return checkNode(expression, known)
}

func checkNode(node ast.Expr, known matchers) error {
	switch node := node.(type) {
	case *ast.ParenExpr:
		return checkNode(node.X, known)
	case *ast.UnaryExpr:
		if node.Op != token.NOT {
			return fmt.Errorf("it holds %s and not only matchers joined by &&, || and ! as operators", node.Op)
		}
		return checkNode(node.X, known)
	case *ast.BinaryExpr:
		if node.Op != token.LAND && node.Op != token.LOR {
			return fmt.Errorf("it holds %s and not only matchers joined by &&, || and ! as operators", node.Op)
		}
		return errors.Join(checkNode(node.X, known), checkNode(node.Y, known))
	case *ast.CallExpr:
		return checkCall(node, known)
	default:
		return errors.New("it is more than matchers joined by &&, || and !: write as Host(`example.com`)")
	}
}

func checkCall(call *ast.CallExpr, known matchers) error {
	name, ok := call.Fun.(*ast.Ident)
	if !ok {
		return errors.New("it calls what is no matcher")
	}
	counts, ok := known.find(name.Name)
	if !ok {
		return fmt.Errorf("%s is no matcher: use one of %s", name.Name, strings.Join(slices.Sorted(maps.Keys(known)), ", "))
	}
	if counts != nil && !slices.Contains(counts, len(call.Args)) || len(call.Args) == 0 {
		return fmt.Errorf("%s has %d arguments: join several with ||", name.Name, len(call.Args))
	}
	for _, argument := range call.Args {
		literal, ok := argument.(*ast.BasicLit)
		if !ok || literal.Kind != token.STRING {
			return fmt.Errorf("an argument of %s is no text: write it between backquotes", name.Name)
		}
		if text, err := strconv.Unquote(literal.Value); err != nil || text == "" {
			return fmt.Errorf("an argument of %s is empty", name.Name)
		}
	}
	return nil
}

// find takes the three spellings that Traefik takes besides the ordinary one.
func (m matchers) find(name string) ([]int, bool) {
	for known, counts := range m {
		title := strings.ToUpper(known[:1]) + strings.ToLower(known[1:])
		if slices.Contains([]string{known, strings.ToLower(known), strings.ToUpper(known), title}, name) {
			return counts, true
		}
	}
	return nil, false
}
