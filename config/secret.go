package config

import (
	"fmt"
	"io"
	"unique"
)

// Secret is a text that is never printed by accident: whatever prints it gets
// "(set)", or nothing if there is none. Two Secrets can be compared with ==.
type Secret struct {
	// A handle rather than a string: fmt calls no method for the verbs %p
	// and %w, nor on an unexported field of some other struct, but prints
	// what it finds, and here it finds a pointer.
	handle unique.Handle[string]
}

// NewSecret returns a secret; an empty text is none.
func NewSecret(text string) Secret {
	if text == "" {
		return Secret{}
	}
	return Secret{unique.Make(text)}
}

// Reveal returns the text itself, for the one who must send it.
func (s Secret) Reveal() string {
	if s == (Secret{}) {
		return ""
	}
	return s.handle.Value()
}

// String returns "(set)", or "" if there is no secret.
func (s Secret) String() string {
	if s == (Secret{}) {
		return ""
	}
	return "(set)"
}

// Format implements [fmt.Formatter], so that every verb prints what String
// returns.
func (s Secret) Format(state fmt.State, _ rune) {
	_, _ = io.WriteString(state, s.String())
}

// MarshalText implements [encoding.TextMarshaler] for JSON and the like.
func (s Secret) MarshalText() ([]byte, error) {
	return []byte(s.String()), nil
}
