package traefik

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// scope is where a template of Traefik 1.7 is matched: it decides what a variable
// without a pattern stands for.
type scope string

const (
	inHost  scope = "[^.]+"
	inPath  scope = "[^/]+"
	inQuery scope = ".*"
)

// isTemplate tells a template from a plain text.
func isTemplate(text string) bool { return strings.ContainsAny(text, "{}") }

// expand makes a template the source of a regular expression, without anchors.
func expand(template string, in scope) (string, error) {
	var pattern strings.Builder
	for rest := template; rest != ""; {
		literal, variable, after, err := cutVariable(rest)
		if err != nil {
			return "", fmt.Errorf("%q %w", template, err)
		}
		pattern.WriteString(regexp.QuoteMeta(literal))
		if variable != "" {
			one, err := variablePattern(variable, in)
			if err != nil {
				return "", fmt.Errorf("%q %w", template, err)
			}
			pattern.WriteString(one)
		}
		rest = after
	}
	_, err := regexp.Compile(pattern.String())
	return pattern.String(), err
}

// cutVariable cuts a text around its first "{...}", at the outermost braces.
func cutVariable(text string) (before, variable, after string, err error) {
	var level, start int
	for i := range len(text) {
		switch text[i] {
		case '{':
			if level++; level == 1 {
				start = i
			}
		case '}':
			if level--; level < 0 {
				return "", "", "", errors.New("closes a brace that it did not open")
			}
			if level == 0 {
				return text[:start], text[start+1 : i], text[i+1:], checkVariable(text[start+1 : i])
			}
		}
	}
	if level > 0 {
		return "", "", "", errors.New("has a brace that is not closed (a comma ends an argument, even in {1,3})")
	}
	return text, "", "", nil
}

// variables are the names of those in a template, as far as it can be read.
func variables(template string) []string {
	var names []string
	for rest := template; rest != ""; {
		_, variable, after, err := cutVariable(rest)
		if err != nil {
			break
		}
		if name, _, _ := strings.Cut(variable, ":"); name != "" {
			names = append(names, name)
		}
		rest = after
	}
	return names
}

func checkVariable(variable string) error {
	name, pattern, given := strings.Cut(variable, ":")
	if name == "" || given && pattern == "" {
		return fmt.Errorf("has {%s}: write {name} or {name:pattern}", variable)
	}
	return nil
}

// variablePattern is a group if it has to hold together what is in it.
func variablePattern(variable string, in scope) (string, error) {
	_, pattern, given := strings.Cut(variable, ":")
	if !given {
		return string(in), nil
	}
	if _, err := regexp.Compile("^" + pattern + "$"); err != nil {
		return "", fmt.Errorf("has a pattern that does not compile: %w", err)
	}
	if strings.Contains(pattern, "|") || strings.Contains(pattern, "(?") {
		return "(?:" + pattern + ")", nil
	}
	return pattern, nil
}
