package kvschema

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// object is a JSON object with its place in the value, for error texts.
//
// Fields are looked up by their exact name. A Go struct would also take "Spec"
// for "spec" (encoding/json ignores case), which Kubernetes does not.
type object struct {
	path   string // ends with "." unless empty
	fields map[string]json.RawMessage
}

func newObject(path string, raw []byte) (object, error) {
	o := object{path: path}
	if err := json.Unmarshal(raw, &o.fields); err != nil {
		return object{}, wrongShape(path, "an object", raw, err)
	}
	if o.fields == nil {
		return object{}, fmt.Errorf("%s is null: want an object", place(path))
	}
	return o, nil
}

// keys returns the names of the fields, sorted.
func (o object) keys() []string { return slices.Sorted(maps.Keys(o.fields)) }

// has tells whether the field is there and not null.
func (o object) has(name string) bool {
	raw, ok := o.fields[name]
	return ok && !bytes.Equal(raw, []byte("null"))
}

func (o object) missing(name string) error {
	return fmt.Errorf("%s is missing", place(o.path+name))
}

func (o object) object(name string) (object, error) {
	if !o.has(name) {
		return object{}, o.missing(name)
	}
	return newObject(o.path+name+".", o.fields[name])
}

// optionalObject returns an object without fields if there is none.
func (o object) optionalObject(name string) (object, error) {
	if !o.has(name) {
		return object{}, nil
	}
	return o.object(name)
}

func (o object) list(name string) ([]json.RawMessage, error) {
	if !o.has(name) {
		return nil, o.missing(name)
	}
	return field[[]json.RawMessage](o, name, "a list")
}

func (o object) text(name string) (string, error) {
	text, ok, err := o.optionalText(name)
	if err == nil && !ok {
		err = o.missing(name)
	}
	return text, err
}

func (o object) optionalText(name string) (text string, ok bool, err error) {
	if !o.has(name) {
		return "", false, nil
	}
	text, err = field[string](o, name, "a string")
	return text, err == nil, err
}

func (o object) port(name string) (uint16, error) {
	port, ok, err := o.optionalPort(name)
	if err == nil && !ok {
		err = o.missing(name)
	}
	return port, err
}

// optionalPort reads a port from 1 to 65535. Consul itself would take 0, -1 and
// 70000 and announce them.
func (o object) optionalPort(name string) (port uint16, ok bool, err error) {
	if !o.has(name) {
		return 0, false, nil
	}
	number, err := field[int64](o, name, "a whole number")
	if err != nil {
		return 0, false, err
	}
	if number < 1 || number > 65535 {
		return 0, false, fmt.Errorf("%s is %d: want a port from 1 to 65535", place(o.path+name), number)
	}
	return uint16(number), true, nil
}

// is tells whether a field is this text; a field of another shape is not.
func (o object) is(name, text string) bool {
	got, there, err := o.optionalText(name)
	return err == nil && there && got == text
}

// texts returns a list of texts; nothing if the field is of another shape.
func (o object) texts(name string) []string {
	if !o.has(name) {
		return nil
	}
	texts, _ := field[[]string](o, name, "a list of strings")
	return texts
}

func field[T any](o object, name, want string) (value T, err error) {
	raw := o.fields[name]
	if err := json.Unmarshal(raw, &value); err != nil {
		return value, wrongShape(o.path+name, want, raw, err)
	}
	return value, nil
}

// wrongShape says what was wanted and what was there.
func wrongShape(path, want string, raw []byte, cause error) error {
	if _, syntax := cause.(*json.SyntaxError); syntax { //nolint:errorlint // Unmarshal returns it bare
		return fmt.Errorf("%s is not JSON: %w", place(path), cause)
	}
	return fmt.Errorf("%s is %s: want %s", place(path), quote(string(raw)), want)
}

// place is a path for an error text. An annotation's key is part of it and may
// hold anything.
func place(path string) string {
	const most = 400 // the longest annotation key of Kubernetes has 317 characters
	path = strings.TrimSuffix(path, ".")
	switch {
	case path == "":
		return "the value"
	case len(path) > most || strings.ContainsFunc(path, func(r rune) bool { return !strconv.IsPrint(r) }):
		return quote(path)
	}
	return path
}

// quote is a text for an error text: on one line, and short however long it is.
func quote(text string) string {
	const most = maxLabel + 1
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "..."
	}
	return strconv.Quote(text)
}
