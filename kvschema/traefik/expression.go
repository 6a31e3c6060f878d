package traefik

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// Expression writes the rule as Traefik 3 does. It fails where Traefik 3 would
// not match the very same requests.
func (rule Rule) Expression() (string, error) {
	var all []string
	for _, term := range rule {
		one, err := term.expression()
		if err != nil {
			return "", fmt.Errorf("%s: %w", term.Name, err)
		}
		if one != "" {
			all = append(all, one)
		}
	}
	if len(all) == 0 {
		return "PathPrefix(`/`)", nil
	}
	return strings.Join(all, " && "), nil
}

// expression is empty for a modifier that matches everything.
func (t Term) expression() (string, error) {
	switch t.Name {
	case "Host":
		return t.any(hostMatcher)
	case "HostRegexp":
		return t.any(hostRegexpMatcher)
	case "Path", "PathStrip":
		return t.any(pathMatcher("Path", "$"))
	case "PathPrefix", "PathPrefixStrip":
		return t.any(pathMatcher("PathPrefix", ""))
	case "PathStripRegex":
		return t.any(pathRegexpMatcher("$"))
	case "PathPrefixStripRegex":
		return t.any(pathRegexpMatcher(""))
	case "Method":
		return t.any(methodMatcher)
	case "Headers":
		return every(lastOfEach(pairs(t.Arguments)), headerMatcher)
	case "HeadersRegexp":
		return every(lastOfEach(pairs(t.Arguments)), headerRegexpMatcher)
	case "Query":
		return every(t.queryPairs(), queryMatcher)
	default:
		return "", nil
	}
}

// lastOfEach drops pairs whose name comes again: Traefik 1.7 keeps headers in a map.
func lastOfEach(list [][2]string) [][2]string {
	var made [][2]string
	for i, pair := range list {
		again := slices.ContainsFunc(list[i+1:], func(later [2]string) bool { return later[0] == pair[0] })
		if !again {
			made = append(made, pair)
		}
	}
	return made
}

// any joins the arguments' matchers with "or".
func (t Term) any(matcher func(string) (string, error)) (string, error) {
	var made []string
	for _, argument := range t.Arguments {
		one, err := matcher(argument)
		if err != nil {
			return "", err
		}
		made = append(made, one)
	}
	if len(made) == 1 {
		return made[0], nil
	}
	return "(" + strings.Join(made, " || ") + ")", nil
}

func every(pairs [][2]string, matcher func(name, value string) (string, error)) (string, error) {
	var made []string
	for _, pair := range pairs {
		one, err := matcher(pair[0], pair[1])
		if err != nil {
			return "", err
		}
		made = append(made, one)
	}
	return strings.Join(made, " && "), nil
}

// hostMatcher takes no star: to Traefik 1.7 it is a letter like any other, and to
// Traefik 3 it stands for what nobody meant to serve.
func hostMatcher(host string) (string, error) {
	switch {
	case strings.Contains(host, "*"):
		return "", fmt.Errorf("%q never matched in Traefik 1.7: write HostRegexp:{name}.example.com", host)
	case strings.ContainsFunc(host, func(r rune) bool { return r > unicode.MaxASCII }):
		return "", fmt.Errorf("%q is not ASCII: write the xn-- form", host)
	}
	return call("Host", strings.ToLower(host))
}

func hostRegexpMatcher(template string) (string, error) {
	if strings.ContainsFunc(template, func(r rune) bool { return r > unicode.MaxASCII }) {
		return "", fmt.Errorf("%q is not ASCII: write the xn-- form", template)
	}
	pattern, err := expand(template, inHost)
	if err != nil {
		return "", err
	}
	// Traefik 1.7 ignores case here, Traefik 3 lowers the host's only.
	if strings.ContainsFunc(pattern, unicode.IsUpper) {
		return call("HostRegexp", "(?i)^"+pattern+"$")
	}
	return call("HostRegexp", "^"+pattern+"$")
}

func pathMatcher(name, end string) func(string) (string, error) {
	return func(path string) (string, error) {
		if isTemplate(path) {
			return pathRegexpMatcher(end)(path)
		}
		if err := checkPath(path); err != nil {
			return "", err
		}
		return call(name, path)
	}
}

func pathRegexpMatcher(end string) func(string) (string, error) {
	return func(template string) (string, error) {
		if err := checkPath(template); err != nil {
			return "", err
		}
		pattern, err := expand(template, inPath)
		if err != nil {
			return "", err
		}
		return call("PathRegexp", "^"+pattern+end)
	}
}

func checkPath(path string) error {
	if !strings.HasPrefix(path, "/") {
		return fmt.Errorf("%q never matches: begin it with /", path)
	}
	return nil
}

func methodMatcher(method string) (string, error) { return call("Method", strings.ToUpper(method)) }

// headerMatcher knows that no value means any value to Traefik 1.7.
func headerMatcher(name, value string) (string, error) {
	if value == "" {
		return call("HeaderRegexp", name, ".*")
	}
	return call("Header", name, value)
}

func headerRegexpMatcher(name, pattern string) (string, error) {
	if pattern == "" {
		pattern = ".*"
	}
	return call("HeaderRegexp", name, pattern)
}

func queryMatcher(name, value string) (string, error) {
	switch {
	case isTemplate(name):
		return "", fmt.Errorf("%q has a variable for a name", name)
	case value == "":
		return call("QueryRegexp", name, ".*")
	case isTemplate(value):
		pattern, err := expand(value, inQuery)
		if err != nil {
			return "", err
		}
		return call("QueryRegexp", name, "^"+pattern+"$")
	}
	return call("Query", name, value)
}

// call writes one matcher. Traefik 2 and 3 take no empty argument.
func call(name string, arguments ...string) (string, error) {
	quoted := make([]string, 0, len(arguments))
	for _, argument := range arguments {
		if argument == "" {
			return "", errors.New("an argument is empty")
		}
		if strconv.CanBackquote(argument) {
			quoted = append(quoted, "`"+argument+"`")
		} else {
			quoted = append(quoted, strconv.Quote(argument))
		}
	}
	return name + "(" + strings.Join(quoted, ", ") + ")", nil
}
