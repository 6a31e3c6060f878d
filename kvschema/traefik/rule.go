package traefik

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Rule is a rule of Traefik 1.7: all of its terms must match.
type Rule []Term

// Term is one matcher or modifier with its arguments.
type Term struct {
	Name      string
	Arguments []string
}

// ParseRule reads a rule as Traefik 1.7 does; the grammar is in the package's
// own comment. The text is what is left after TOML, see [Unescape].
func ParseRule(text string) (Rule, error) {
	if strings.Contains(text, "{{") {
		return nil, errors.New("it is a template: write out what {{ }} stands for")
	}
	var rule Rule
	for part := range splitNonEmpty(text, ';') {
		term, err := parseTerm(part)
		if err != nil {
			return nil, err
		}
		rule = append(rule, term)
	}
	if len(rule) == 0 {
		return nil, errEmpty
	}
	return rule, rule.checkVariables()
}

var errEmpty = errors.New("it is empty")

// checkVariables holds the variables of Query to what gorilla/mux takes: no name
// in two of them.
func (rule Rule) checkVariables() error {
	seen := map[string]bool{}
	for _, term := range rule {
		if term.Name != "Query" {
			continue
		}
		for _, pair := range term.queryPairs() {
			template := pair[0] + "=" + pair[1]
			if _, err := expand(template, inQuery); err != nil {
				return fmt.Errorf("an argument of Query: %w", err)
			}
			names := variables(template)
			if i := slices.IndexFunc(names, func(name string) bool { return seen[name] }); i >= 0 {
				return fmt.Errorf("the variable {%s} of Query is there twice: give each its own name", names[i])
			}
			for _, name := range names {
				seen[name] = true
			}
		}
	}
	return nil
}

func parseTerm(part string) (Term, error) {
	fields := slices.Collect(splitNonEmpty(part, ':'))
	if len(fields) == 0 {
		return Term{}, fmt.Errorf("%q has no name: write as Host:example.com", part)
	}
	term := Term{Name: strings.TrimSpace(fields[0])}
	for argument := range splitNonEmpty(strings.Join(fields[1:], ":"), ',') {
		term.Arguments = append(term.Arguments, strings.TrimSpace(argument))
	}
	if err := term.checkName(); err != nil {
		return Term{}, err
	}
	if len(term.Arguments) == 0 {
		return Term{}, fmt.Errorf("%s has no argument", term.Name)
	}
	return term, term.checkPairs()
}

func (t Term) checkName() error {
	names := []string{
		"Host", "HostRegexp", "Path", "PathPrefix", "Method", "Headers", "HeadersRegexp", "Query",
		"PathStrip", "PathStripRegex", "PathPrefixStrip", "PathPrefixStripRegex",
		"AddPrefix", "ReplacePath", "ReplacePathRegex",
	}
	if slices.Contains(names, t.Name) {
		return nil
	}
	for _, name := range names {
		if strings.EqualFold(t.Name, name) {
			return fmt.Errorf("%q is not a matcher: write %s", t.Name, name)
		}
	}
	return fmt.Errorf("%q is not a matcher: use one of %s", t.Name, strings.Join(names, ", "))
}

// checkPairs holds Headers, HeadersRegexp and Query to what comes in pairs.
func (t Term) checkPairs() error {
	switch t.Name {
	case "Headers", "HeadersRegexp":
		if len(t.Arguments)%2 != 0 {
			return fmt.Errorf("%s has %d arguments: write name,value for each header", t.Name, len(t.Arguments))
		}
		for _, pair := range pairs(t.Arguments) {
			if _, err := regexp.Compile(pair[1]); err != nil && t.Name == "HeadersRegexp" {
				return fmt.Errorf("%s: %w", t.Name, err)
			}
		}
	case "Query":
		var pieces int
		for _, argument := range t.Arguments {
			pieces += strings.Count(argument, "=") + 1
		}
		if pieces%2 != 0 {
			return errors.New("the arguments of Query are not pairs: write name=value, or name= for any value")
		}
	}
	return nil
}

// queryPairs are the arguments of Query, split at every "=" as Traefik 1.7 does.
func (t Term) queryPairs() [][2]string {
	var pieces []string
	for _, argument := range t.Arguments {
		pieces = append(pieces, strings.Split(argument, "=")...)
	}
	return pairs(pieces)
}

func pairs(list []string) [][2]string {
	var made [][2]string
	for pair := range slices.Chunk(list, 2) {
		made = append(made, [2]string{pair[0], pair[1]})
	}
	return made
}

// splitNonEmpty yields what stands between the separators and is not empty.
func splitNonEmpty(text string, separator rune) func(func(string) bool) {
	return strings.FieldsFuncSeq(text, func(r rune) bool { return r == separator })
}
