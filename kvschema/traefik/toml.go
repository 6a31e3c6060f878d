package traefik

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Unescape reads a text as Traefik 1.7 does, which pastes it between the quotes
// of a string of TOML. It fails for a text that would end the string early or is
// none: then Traefik 1.7 takes no change of any service until it is gone.
func Unescape(text string) (string, error) {
	var out strings.Builder
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRuneInString(text[i:])
		switch {
		case r == '"':
			return "", fmt.Errorf(`it holds a quote: write \" or leave it out`)
		case unicode.IsControl(r):
			return "", fmt.Errorf("it holds the control character %U: leave it out", r)
		case r == '\\':
			escaped, length, err := unescape(text[i:])
			if err != nil {
				return "", err
			}
			out.WriteRune(escaped)
			i += length
			continue
		}
		out.WriteString(text[i : i+size])
		i += size
	}
	return out.String(), nil
}

// unescape reads the escape that a text begins with, and says how long it is.
func unescape(text string) (escaped rune, length int, err error) {
	if len(text) < 2 {
		return 0, 0, fmt.Errorf(`it ends with a backslash: write \\`)
	}
	simple := map[byte]rune{'b': '\b', 't': '\t', 'n': '\n', 'f': '\f', 'r': '\r', '"': '"', '\\': '\\'}
	if r, ok := simple[text[1]]; ok {
		return r, 2, nil
	}
	digits := map[byte]int{'u': 4, 'U': 8}[text[1]]
	if digits > 0 && len(text) >= 2+digits {
		code, err := strconv.ParseUint(text[2:2+digits], 16, 32)
		if err == nil && utf8.ValidRune(rune(code)) { //nolint:gosec // at most 8 digits, and valid
			return rune(code), 2 + digits, nil //nolint:gosec // as above
		}
	}
	bad, _ := utf8.DecodeRuneInString(text[1:])
	return 0, 0, fmt.Errorf(`it holds \%c, which is no escape of TOML: write \\%c`, bad, bad)
}
