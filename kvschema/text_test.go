package kvschema_test

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// Problems go to logs, to the status page and to terminals: whatever a value
// holds, its problem is one short line that can be printed.
func TestProblemIsOneShortLine(t *testing.T) {
	long := strings.Repeat("ä\x1b[2J", 30000)
	escaped := strings.ReplaceAll(long, "\x1b", `\u001b`)
	for _, tt := range []struct{ name, value string }{
		{"kind", `{"kind": "` + escaped + `", ` + good[1:]},
		{"name", strings.Replace(good, "cart", escaped, 1)},
		{"namespace", withMetadata(`, "namespace": "` + escaped + `"`)},
		{"protocol", withPort(`{"protocol": "` + escaped + `", "nodePort": 30080}`)},
		{"port name", withPort(`{"name": "` + escaped + `", "nodePort": 30080}`)},
		{"wrong shape", withSpec(`"` + escaped + `"`)},
		{"annotation's value", withAnnotations(`{"traefik.a": "` + escaped + `"}`)},
		{"annotation's key", withAnnotations(`{"traefik.` + escaped + `": "a"}`)},
		{"annotation's key of a number", withAnnotations(`{"traefik.` + escaped + `": 1}`)},
		{"annotation's key that can be printed", withAnnotations(`{"traefik.` + strings.Repeat("ä", 30000) + `": 1}`)},
		{"annotation's key of null", withAnnotations(`{"traefik.` + escaped + `": null}`)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			services, problem := readCart(t, tt.value)
			if problem == "" || len(services) != 0 {
				t.Fatalf("want a problem, got %+v", services)
			}
			checkText(t, problem)
		})
	}
}

func TestLongestAnnotationKeyIsShownWhole(t *testing.T) {
	const label = "abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrstuvwxyz-"
	key := "traefik." + (label + "." + label + "." + label + "." + label)[:245] + "/" + label
	_, problem := readCart(t, withAnnotations(`{"`+key+`": 1}`))
	diff(t, `metadata.annotations.`+key+` is "1": want a string`, problem)
}

// checkText holds a problem's text against what a log line may be.
func checkText(t *testing.T, text string) {
	t.Helper()
	const most = 600
	odd := func(r rune) bool { return !unicode.IsPrint(r) }
	if len(text) == 0 || len(text) > most || !utf8.ValidString(text) || strings.ContainsFunc(text, odd) {
		t.Errorf("want one printable line of at most %d bytes, got %d bytes: %.1000q", most, len(text), text)
	}
}
