package consultest

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/hashicorp/consul/api"
)

// fields are what a filter can select: ID is "ID", Meta["owner"] is "Meta.owner".
type fields map[string]string

func serviceFields(s api.AgentService) fields {
	f := fields{"ID": s.ID, "Service": s.Service, "Address": s.Address, "Kind": string(s.Kind), "Meta": ""}
	for key, value := range s.Meta {
		f["Meta."+key] = value
	}
	return f
}

func checkFields(c Check) fields {
	return fields{
		"Node": c.Node, "CheckID": c.CheckID, "Name": c.Name, "Status": c.Status, "Notes": c.Notes,
		"Output": c.Output, "ServiceID": c.ServiceID, "ServiceName": c.ServiceName, "Type": c.Type,
	}
}

// clause is one comparison of a filter: a selector, an operator and a value.
var clause = regexp.MustCompile(`^\s*([A-Za-z]\w*)(?:\["([^"]+)"\]|\.(\w+))?\s*(==|!=|matches|not\s+matches)\s*` +
	"(?:\"((?:[^\"\\\\]|\\\\.)*)\"|`([^`]*)`|(\\w+))" + `(?:\s+and\b|\s*$)`)

// parseFilter understands the part of Consul's filters that is needed here: Selector == "value" and
// Selector matches "expression", their opposites, and what is joined by and. A key that a Meta does not have equals
// nothing.
func parseFilter(expression string, known fields) (matches func(fields) bool, bad string) {
	var tests []func(fields) bool
	for rest := expression; strings.TrimSpace(rest) != ""; {
		m := clause.FindStringSubmatch(rest)
		if m == nil {
			return nil, "Failed to create boolean expression evaluator: consultest knows only " +
				`Selector == "value", != "value", matches "expression" and not matches "expression", joined by and: ` + expression
		}
		rest = rest[len(m[0]):]
		if _, valid := known[m[1]]; !valid {
			return nil, fmt.Sprintf("Failed to create boolean expression evaluator: Selector %q is not valid", m[1])
		}
		selector, value, operator := m[1], unquoted(m[5])+m[6]+m[7], strings.Fields(m[4])
		if key := m[2] + m[3]; key != "" {
			selector += "." + key
		}
		is := func(got string) bool { return got == value }
		if slices.Contains(operator, "matches") {
			pattern, err := regexp.Compile(value)
			if err != nil {
				return nil, "Failed to create boolean expression evaluator: " + err.Error()
			}
			is = pattern.MatchString
		}
		not := operator[0] == "not" || operator[0] == "!="
		tests = append(tests, func(f fields) bool {
			got, exists := f[selector]
			return (exists && is(got)) != not
		})
	}
	return func(f fields) bool {
		for _, test := range tests {
			if !test(f) {
				return false
			}
		}
		return true
	}, ""
}

// unquoted is what a text in quotes means.
func unquoted(text string) string {
	meant, err := strconv.Unquote(`"` + text + `"`)
	if err != nil {
		return text
	}
	return meant
}
