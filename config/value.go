package config

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// variable is one field of a Config together with the parser of its text. It
// implements flag.Value.
type variable[T any] struct {
	field *T
	parse func(string) (T, error)
}

func of[T any](field *T, parse func(string) (T, error)) variable[T] {
	return variable[T]{field, parse}
}

// Set parses text into the field. A mistake leaves the field alone.
func (v variable[T]) Set(text string) error {
	parsed, err := v.parse(text)
	if err != nil {
		return err
	}
	*v.field = parsed
	return nil
}

// String returns a text that Set understands; for a secret, whether it is set.
func (v variable[T]) String() string {
	switch value := any(*v.field).(type) {
	case netip.Addr:
		if !value.IsValid() {
			return "" // and not netip's "invalid IP": unset is legal here
		}
	case time.Duration:
		return short(value)
	case []string:
		return joinList(value)
	case map[string]string:
		return joinTable(value)
	}
	return fmt.Sprint(*v.field)
}

// short prints 20m where Duration's own String prints 20m0s.
func short(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

func boolean(text string) (bool, error) {
	value, err := strconv.ParseBool(text)
	if err != nil {
		return false, fmt.Errorf("%q is neither true nor false", text)
	}
	return value, nil
}

func wholeIn(low, high int) func(string) (int, error) {
	return func(text string) (int, error) {
		value, err := strconv.Atoi(text)
		if err != nil || value < low || value > high {
			return 0, fmt.Errorf("%q is not a whole number from %d to %d", text, low, high)
		}
		return value, nil
	}
}

func durationIn(low, high time.Duration) func(string) (time.Duration, error) {
	return func(text string) (time.Duration, error) {
		value, err := time.ParseDuration(text)
		if err != nil {
			return 0, notDuration(text)
		}
		if value < low || value > high {
			return 0, fmt.Errorf("%q is not between %s and %s", text, short(low), short(high))
		}
		return value, nil
	}
}

func notDuration(text string) error {
	if _, err := strconv.ParseFloat(text, 64); err == nil {
		return fmt.Errorf("%q has no unit: write %q", text, text+"s")
	}
	return fmt.Errorf("%q is not a duration: write a number and one of ms, s, m, h, such as \"10s\"", text)
}

func oneOf(words ...string) func(string) (string, error) {
	return func(text string) (string, error) {
		if !slices.Contains(words, text) {
			return "", fmt.Errorf("%q is not one of %s", text, strings.Join(words, ", "))
		}
		return text, nil
	}
}

func plainText(text string) (string, error) {
	if !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl) {
		return "", fmt.Errorf("%q has a control character in it or is not UTF-8", text)
	}
	return text, nil
}

// keyPath refuses what Consul would take literally and k8s-deployer does not
// write. Correcting it silently would leave two spellings of one tree.
func keyPath(text string) (string, error) {
	switch clean := strings.Trim(text, "/"); {
	case clean == "":
		return "", fmt.Errorf("%q names no tree: write k8s-deployer's key_path, such as \"kubernetes\"", text)
	case clean != text:
		return "", fmt.Errorf("%q has a slash at an end: write %q", text, clean)
	case strings.Contains(text, "//"):
		return "", fmt.Errorf("%q has an empty part between two slashes", text)
	}
	return plainText(text)
}

// instance becomes part of service IDs, which Consul's client does not escape.
func instance(text string) (string, error) {
	foreign := func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-'
	}
	if len(text) < 1 || len(text) > 32 || strings.ContainsFunc(text, foreign) {
		return "", fmt.Errorf("%q is not 1 to 32 of a-z, 0-9 and \"-\"", text)
	}
	return text, nil
}

// serviceName is a DNS label, so that Consul's DNS can answer for it; or nothing.
func serviceName(text string) (string, error) {
	foreign := func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-'
	}
	if len(text) > 63 || strings.ContainsFunc(text, foreign) || strings.Trim(text, "-") != text {
		return "", fmt.Errorf("%q is not the name of a service: write up to 63 of a-z, 0-9 and, in between, \"-\"", text)
	}
	return text, nil
}

// token never repeats the text: an error is printed.
func token(text string) (Secret, error) {
	foreign := func(r rune) bool { return r <= ' ' || r > '~' }
	if strings.ContainsFunc(text, foreign) {
		return Secret{}, errors.New("the token has a space, a line end or another character in it that no token has")
	}
	return NewSecret(text), nil
}
