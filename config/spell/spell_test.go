package spell

import (
	"testing"
)

func TestDistance(t *testing.T) {
	for _, tt := range []struct {
		a, b string
		want int
	}{
		{"", "", 0},
		{"abc", "", 3},
		{"", "abc", 3},
		{"kitten", "sitting", 3},
		{"check", "chek", 1},
		{"check", "cehck", 2},
	} {
		if got := distance(tt.a, tt.b); got != tt.want {
			t.Errorf("from %q to %q: %d, want %d", tt.a, tt.b, got, tt.want)
		}
	}
}

func TestClosest(t *testing.T) {
	known := []string{"ignore", "name", "nodes", "port", "ports"}
	for word, want := range map[string]string{
		"ingore": "ignore", "ignore": "ignore", "Port": "port", "prots": "ports", "name ": "name",
		"porst":  "port", // the first of two at the same distance
		"spread": "", "": "",
	} {
		if got := Closest(word, known); got != want {
			t.Errorf("%q: %q, want %q", word, got, want)
		}
	}
}
