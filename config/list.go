package config

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// A list is written in a file as ["a", "b"], and in a variable or flag as a,b. There, a
// comma or backslash that is part of an element has a backslash before it. A table of
// names and texts, in a file { a = "b", c = "d" }, is the list a=b,c=d.

func joinList(list []string) string {
	escaped := make([]string, len(list))
	for i, element := range list {
		escaped[i] = strings.NewReplacer(`\`, `\\`, `,`, `\,`).Replace(element)
	}
	return strings.Join(escaped, ",")
}

// splitList is the reverse. A backslash before anything else stands for itself. An empty
// text is an empty list.
func splitList(text string) []string {
	if text == "" {
		return nil
	}
	var list []string
	var element strings.Builder
	for i := 0; i < len(text); i++ {
		rest := text[i:]
		switch {
		case strings.HasPrefix(rest, `\,`), strings.HasPrefix(rest, `\\`):
			i++
			element.WriteByte(text[i])
		case text[i] == ',':
			list = append(list, element.String())
			element.Reset()
		default:
			element.WriteByte(text[i])
		}
	}
	return append(list, element.String())
}

func joinTable(table map[string]string) string {
	var list []string
	for _, name := range slices.Sorted(maps.Keys(table)) {
		list = append(list, name+"="+table[name])
	}
	return joinList(list)
}

// listOf reads a list whose elements are read by parse. Each may stand in it once.
func listOf(parse func(string) (string, error)) func(string) ([]string, error) {
	return func(text string) ([]string, error) {
		var list []string
		for _, element := range splitList(text) {
			if element == "" {
				return nil, errors.New("an element of the list is empty")
			}
			value, err := parse(element)
			if err != nil {
				return nil, err
			}
			if slices.Contains(list, value) {
				return nil, fmt.Errorf("%q is in the list twice", value)
			}
			list = append(list, value)
		}
		return list, nil
	}
}

// someOf is listOf for a list that must not be empty.
func someOf(parse func(string) (string, error)) func(string) ([]string, error) {
	read := listOf(parse)
	return func(text string) ([]string, error) {
		list, err := read(text)
		if err == nil && len(list) == 0 {
			return nil, errors.New("the list is empty")
		}
		return list, err
	}
}

// tableOf reads a table whose entries are checked by check.
func tableOf(check func(name, value string) error) func(string) (map[string]string, error) {
	return func(text string) (map[string]string, error) {
		var table map[string]string
		for _, entry := range splitList(text) {
			name, value, ok := strings.Cut(entry, "=")
			if !ok {
				return nil, fmt.Errorf("%q is not NAME=VALUE", entry)
			}
			if err := check(name, value); err != nil {
				return nil, err
			}
			if _, twice := table[name]; twice {
				return nil, fmt.Errorf("%q is there twice", name)
			}
			if table == nil {
				table = map[string]string{}
			}
			table[name] = value
		}
		return table, nil
	}
}
