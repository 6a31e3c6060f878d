package traefik

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// pathChange is one middleware that changes the path on its way to the server.
type pathChange struct {
	name    string      // of the middleware, behind the router's
	options [][2]string // as in "stripprefix.prefixes", "/x"
	review  string      // what is not quite the same, if anything
}

// pathChanges are the rule's modifiers in the order in which Traefik 1.7 applies
// them whatever their order in the rule. Of two of a kind the last counts.
func (rule Rule) pathChanges() ([]pathChange, error) {
	last := map[string][]string{}
	for _, term := range rule {
		switch term.Name {
		case "PathStrip", "PathPrefixStrip":
			last["strip"] = term.Arguments
		case "PathStripRegex", "PathPrefixStripRegex":
			last["regex"] = term.Arguments
		case "AddPrefix", "ReplacePath", "ReplacePathRegex":
			last[term.Name] = term.Arguments[len(term.Arguments)-1:]
		}
	}
	var changes []pathChange
	for _, step := range []struct {
		key  string
		make func([]string) (pathChange, error)
	}{
		{"regex", stripRegex}, {"strip", strip}, {"AddPrefix", addPrefix},
		{"ReplacePathRegex", replacePathRegex}, {"ReplacePath", replacePath},
	} {
		if arguments, ok := last[step.key]; ok {
			change, err := step.make(arguments)
			if err != nil {
				return nil, err
			}
			changes = append(changes, change)
		}
	}
	return changes, nil
}

// longestFirst is how Traefik 1.7 orders prefixes before it tries them.
func longestFirst(prefixes []string) []string {
	return slices.SortedStableFunc(slices.Values(prefixes), func(a, b string) int { return len(b) - len(a) })
}

func strip(prefixes []string) (pathChange, error) {
	for _, prefix := range prefixes {
		if isTemplate(prefix) {
			return pathChange{}, fmt.Errorf("%q is stripped letter by letter and so never: use the modifier that ends in Regex", prefix)
		}
	}
	return pathChange{
		name:    "strip",
		options: [][2]string{{"stripprefix.prefixes", strings.Join(longestFirst(prefixes), ",")}},
	}, nil
}

func stripRegex(templates []string) (pathChange, error) {
	var patterns []string
	for _, template := range longestFirst(templates) {
		pattern, err := expand(template, inPath)
		if err != nil {
			return pathChange{}, err
		}
		patterns = append(patterns, "^"+pattern)
	}
	return pathChange{
		name:    "stripregex",
		options: [][2]string{{"stripprefixregex.regex", strings.Join(patterns, ",")}},
		review:  "what is left of the path begins with / in Traefik 2 and 3, also where it did not",
	}, nil
}

func addPrefix(arguments []string) (pathChange, error) {
	if err := checkPath(arguments[0]); err != nil {
		return pathChange{}, err
	}
	return pathChange{name: "addprefix", options: [][2]string{{"addprefix.prefix", arguments[0]}}}, nil
}

func replacePath(arguments []string) (pathChange, error) {
	return pathChange{name: "replacepath", options: [][2]string{{"replacepath.path", arguments[0]}}}, nil
}

func replacePathRegex(arguments []string) (pathChange, error) {
	parts := strings.Split(arguments[0], " ")
	if len(parts) != 2 {
		return pathChange{}, errors.New("ReplacePathRegex wants an expression and a replacement with one space between them: Traefik 1.7 ignored it")
	}
	return pathChange{name: "replacepathregex", options: [][2]string{
		{"replacepathregex.regex", parts[0]}, {"replacepathregex.replacement", parts[1]},
	}}, nil
}
