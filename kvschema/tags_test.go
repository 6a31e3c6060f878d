package kvschema_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/k8s-registrar/k8s-registrar/kvschema"
)

// withMetadata returns a value of the key cartKey with a field in its metadata.
func withMetadata(field string) string {
	return strings.Replace(good, `"cart"`, `"cart"`+field, 1)
}

func withAnnotations(annotations string) string {
	return withMetadata(`, "annotations": ` + annotations)
}

// Annotations are in JSON, as they are stored.
func TestAnnotationsBecomeTags(t *testing.T) {
	for _, tt := range []struct {
		name, annotations string
		want              []string
	}{
		// From the customer's document, to the letter.
		{"echoserver", `{
    "traefik.enable": "true",
    "traefik.tags": "kubernetes",
    "traefik.frontend.rule": "Host:echoserver.example.com,echo.example.com;Method:GET,POST",
    "traefik.frontend.entryPoints": "http,https",
    "traefik.backend.loadbalancer": "wrr",
    "tags": "kubernetes,k8s,red"
}`, []string{
			"k8s", "kubernetes", "red",
			"traefik.backend.loadbalancer=wrr",
			"traefik.enable=true",
			"traefik.frontend.entryPoints=http,https",
			"traefik.frontend.rule=Host:echoserver.example.com,echo.example.com;Method:GET,POST",
			"traefik.tags=kubernetes",
		}},
		{"weight is text", `{"traefik.backend.weight": "10"}`, []string{"traefik.backend.weight=10"}},

		{"annotations that are null", `null`, nil},
		{"no annotation", `{}`, nil},
		{"annotations of others", `{"kubectl.kubernetes.io/last-applied-configuration": "{}", "prometheus.io/scrape": "true"}`, nil},

		// The text before the first dot decides.
		{"traefik alone", `{"traefik": "x"}`, []string{"traefik=x"}},
		{"traefik with a dot only", `{"traefik.": "x"}`, []string{"traefik.=x"}},
		{"traefik with two dots", `{"traefik..a": "x"}`, []string{"traefik..a=x"}},
		{"traefik with a slash after the dot", `{"traefik.io/a": "x"}`, []string{"traefik.io/a=x"}},
		{"traefik with a slash before the dot", `{"traefik/x.y": "x"}`, nil},
		{"traefik with a slash", `{"traefik/x": "x"}`, nil},
		{"traefik in capitals", `{"Traefik.enable": "true", "TRAEFIK.enable": "true"}`, nil},
		{"traefik with a dot before", `{".traefik.enable": "true"}`, nil},
		{"traefik after a dot", `{"my.traefik.enable": "true"}`, nil},
		{"traefik with a space", `{" traefik.enable": "true", "traefik .enable": "true"}`, nil},
		{"traefik and more", `{"traefik2.enable": "true", "traefik-x.enable": "true"}`, nil},
		{"traefik and less", `{"traefi.enable": "true"}`, nil},
		{"tags with a suffix", `{"tags.foo": "a,b"}`, []string{"a", "b"}},
		{"tags with a dot only", `{"tags.": "a"}`, []string{"a"}},
		{"tags with a longer suffix", `{"tags.traefik.enable": "a"}`, []string{"a"}},
		{"tags and more", `{"tagsx": "a", "tags-x": "b", "tags/x": "c", "mytags": "d"}`, nil},
		{"tags and less", `{"tag": "a"}`, nil},
		{"tags in capitals", `{"Tags": "a", "TAGS.x": "b"}`, nil},
		{"empty key", `{"": "a"}`, nil},
		{"only a dot", `{".": "a"}`, nil},

		// One tag an entry of tags, trimmed; traefik is never split or trimmed.
		{"one tag", `{"tags": "red"}`, []string{"red"}},
		{"blanks around tags", `{"tags": " red ,\tgreen,blue  "}`, []string{"blue", "green", "red"}},
		{"blanks inside a tag", `{"tags": "dark red, light  blue"}`, []string{"dark red", "light  blue"}},
		{"empty tags", `{"tags": ",red,,green, ,"}`, []string{"green", "red"}},
		{"no tags", `{"tags": ""}`, nil},
		{"only commas", `{"tags": ",,,"}`, nil},
		{"only blanks", `{"tags": " \t "}`, nil},
		{"blanks around a traefik value", `{"traefik.a": " x "}`, []string{"traefik.a= x "}},
		{"commas in a traefik value", `{"traefik.a": ",x,,y,"}`, []string{"traefik.a=,x,,y,"}},
		{"empty traefik value", `{"traefik.a": ""}`, []string{"traefik.a="}},
		{"semicolons", `{"tags": "a;b", "traefik.a": "c;d"}`, []string{"a;b", "traefik.a=c;d"}},

		// What a tag may hold.
		{"equals signs", `{"tags": "a=b,=", "traefik.a=b": "c=d"}`, []string{"=", "a=b", "traefik.a=b=c=d"}},
		{"quotes", `{"tags": "\"a\",'b'", "traefik.a": "\"c\""}`, []string{`"a"`, `'b'`, `traefik.a="c"`}},
		{"backslashes", `{"tags": "a\\b", "traefik.a": "PathPrefix:/{n:\\d+}"}`, []string{`a\b`, `traefik.a=PathPrefix:/{n:\d+}`}},
		{"backslash before a comma", `{"tags": "a\\,b,c", "traefik.a": "a\\,b"}`, []string{"a,b", "c", `traefik.a=a\,b`}},
		{"backslashes before a comma", `{"tags": "a\\\\,b"}`, []string{`a\,b`}},
		{"backslash at the end", `{"tags": "a,b\\"}`, []string{"a", `b\`}},
		{"nothing but commas in a tag", `{"tags": "\\,,\\,\\,"}`, []string{",", ",,"}},
		{"backticks", "{\"traefik.a\": \"Host(`a.example.com`)\"}", []string{"traefik.a=Host(`a.example.com`)"}},
		{"brackets and templates", `{"tags": "[a],{{b}},${c}"}`, []string{"${c}", "[a]", "{{b}}"}},
		{"what HTML would escape", `{"tags": "<a>,b&c"}`, []string{"<a>", "b&c"}},
		{"escaped slash", `{"traefik.a": "Path:\/x"}`, []string{"traefik.a=Path:/x"}},
		{"accents", `{"tags": "größe, naïve", "traefik.größe": "é"}`, []string{"größe", "naïve", "traefik.größe=é"}},
		{"accents in two forms", `{"tags": "\u00e9,e\u0301"}`, []string{"e\u0301", "\u00e9"}},
		{"beyond the first plane, escaped", `{"tags": "\ud83d\ude80"}`, []string{"🚀"}},
		{"half a character", `{"tags": "a\ud83d"}`, []string{"a\ufffd"}},
		{"right to left", `{"tags": "שלום"}`, []string{"שלום"}},

		// White space is what Python 2 trims.
		{"no-break space", `{"tags": "\u00a0a\u00a0,b\u00a0c"}`, []string{"a", "b\u00a0c"}},
		{"ASCII separators", `{"tags": "\u001ca\u001d,\u001eb\u001f"}`, []string{"a", "b"}},
		{"line ends and tabs around tags", `{"tags": "\r\na\t,\u000bb\u000c\n"}`, []string{"a", "b"}},
		{"next line", `{"tags": "\u0085a\u0085"}`, []string{"a"}},
		{"Mongolian vowel separator", `{"tags": "\u180ea\u180e,\u180e"}`, []string{"a"}},
		{"ogham, en, em, thin and hair space", `{"tags": "\u1680a\u2002,\u2003b\u2009,\u200ac"}`, []string{"a", "b", "c"}},
		{"line and paragraph separator", `{"tags": "\u2028a\u2029"}`, []string{"a"}},
		{"narrow, mathematical and ideographic space", `{"tags": "\u202fa\u205f,b\u3000"}`, []string{"a", "b"}},
		{"zero width space stays", `{"tags": "\u200ba"}`, []string{"\u200ba"}},
		{"byte order mark stays", `{"tags": "\ufeffa"}`, []string{"\ufeffa"}},
		{"word joiner stays", `{"tags": "a\u2060"}`, []string{"a\u2060"}},

		// A set, sorted by bytes.
		{"duplicates", `{"tags": "a,b,a, b"}`, []string{"a", "b"}},
		{"duplicates in two annotations", `{"tags": "a,b", "tags.more": "b,c"}`, []string{"a", "b", "c"}},
		{"duplicates of traefik", `{"tags": "traefik.enable=true", "traefik.enable": "true"}`, []string{"traefik.enable=true"}},
		{"nearly duplicates", `{"tags": "a,A,á"}`, []string{"A", "a", "á"}},
		{"order", `{"tags": "b,a10,B,a,a2,é,_"}`, []string{"B", "_", "a", "a10", "a2", "b", "é"}},
		{"a key twice", `{"tags": "a", "tags": "b"}`, []string{"b"}},

		// What makes no tag may hold anything.
		{"text of others that is none", `{"number": 1, "list": ["traefik"], "null": null, "object": {"tags": "a"}}`, nil},
		{"control characters of others", `{"x": "a\u0000b\nc"}`, nil},
		{"a control character in a key that is in no tag", `{"tags.\n": "a"}`, []string{"a"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			services, problem := readCart(t, withAnnotations(tt.annotations))
			if problem != "" || len(services) != 1 {
				t.Fatalf("want a service, got %q", problem)
			}
			diff(t, tt.want, services[0].TagsOf(0))
		})
	}
}

func TestTagThatCannotBeAnnouncedIsAProblem(t *testing.T) {
	for _, tt := range []struct{ name, annotations, want string }{
		{"line end in a tag", `{"tags": "a\nb"}`,
			`metadata.annotations.tags holds the control character U+000A: write the value on one line`},
		{"line end after a traefik value", `{"traefik.a": "x\n"}`,
			`metadata.annotations.traefik.a holds the control character U+000A: write the value on one line`},
		{"tab", `{"tags.more": "a\tb"}`,
			`metadata.annotations.tags.more holds the control character U+0009: write the value on one line`},
		{"NUL", `{"tags": "\u0000"}`,
			`metadata.annotations.tags holds the control character U+0000: write the value on one line`},
		{"separator in a tag", `{"tags": "a\u001cb"}`,
			`metadata.annotations.tags holds the control character U+001C: write the value on one line`},
		{"delete", `{"tags": "a\u007f"}`,
			`metadata.annotations.tags holds the control character U+007F: write the value on one line`},
		{"next line in a tag", `{"tags": "a\u0085b"}`,
			`metadata.annotations.tags holds the control character U+0085: write the value on one line`},
		{"escape in a traefik key", `{"traefik.\u001b[2J": "x"}`,
			`"metadata.annotations.traefik.\x1b[2J" holds the control character U+001B: write the value on one line`},
		{"number", `{"traefik.backend.weight": 10}`, `metadata.annotations.traefik.backend.weight is "10": want a string`},
		{"true", `{"traefik.enable": true}`, `metadata.annotations.traefik.enable is "true": want a string`},
		{"list", `{"tags": ["a", "b"]}`, `metadata.annotations.tags is "[\"a\", \"b\"]": want a string`},
		{"object", `{"traefik": {"enable": "true"}}`, `metadata.annotations.traefik is "{\"enable\": \"true\"}": want a string`},
		{"null", `{"tags": null}`, `metadata.annotations.tags is missing`},
		{"annotations that are a list", `[]`, `metadata.annotations is "[]": want an object`},
		{"annotations that are a string", `"tags=a"`, `metadata.annotations is "\"tags=a\"": want an object`},
		{"annotations that are a number", `0`, `metadata.annotations is "0": want an object`},
		{"annotations that are false", `false`, `metadata.annotations is "false": want an object`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			services, problem := readCart(t, withAnnotations(tt.annotations))
			if len(services) != 0 {
				t.Errorf("want no service, got %+v", services)
			}
			diff(t, tt.want, problem)
		})
	}
}

func TestNoAnnotationsMakeNoTags(t *testing.T) {
	services, problem := readCart(t, good)
	if problem != "" || len(services) != 1 || services[0].TagsOf(0) != nil {
		t.Errorf("want a service without tags, got %+v, %q", services, problem)
	}
}

func TestThousandTagsAreTaken(t *testing.T) {
	var want []string
	for i := range 1000 {
		want = append(want, fmt.Sprintf("tag%04d", i))
	}
	services, problem := readCart(t, withAnnotations(`{"tags": "`+strings.Join(want, ", ")+`"}`))
	if problem != "" || len(services) != 1 {
		t.Fatalf("want a service, got %q", problem)
	}
	diff(t, want, services[0].TagsOf(0))
}

// All that is announced counts: the key and the sign of a traefik tag too.
func TestTagsAreBounded(t *testing.T) {
	const key, tag = len("traefik.a="), len("kubernetes")
	fits := strings.Repeat("x", kvschema.MaxTagBytes-key-tag)

	services, problem := readCart(t, withAnnotations(`{"tags": "kubernetes", "traefik.a": "`+fits+`"}`))
	if problem != "" || len(services) != 1 || len(services[0].TagsOf(0)) != 2 {
		t.Errorf("%d bytes: want a service, got %q", kvschema.MaxTagBytes, problem)
	}

	services, problem = readCart(t, withAnnotations(`{"tags": "kubernetes", "traefik.a": "`+fits+`x"}`))
	if len(services) != 0 {
		t.Errorf("want no service")
	}
	diff(t, "the tags hold 65537 bytes together: at most 65536 are announced", problem)
}

func TestLargeAnnotationOfOthersIsNoMatter(t *testing.T) {
	large := strings.Repeat("x", 2*kvschema.MaxTagBytes)
	services, problem := readCart(t, withAnnotations(`{"tags": "a", "kubectl.kubernetes.io/last-applied-configuration": "`+large+`"}`))
	if problem != "" || len(services) != 1 {
		t.Fatalf("want a service, got %q", problem)
	}
	diff(t, []string{"a"}, services[0].TagsOf(0))
}

func TestShownTagsHoldNoPasswordAndAreNeverNull(t *testing.T) {
	const secret = "traefik.frontend.auth.basic=me:$apr1$x"
	given := []string{"a", secret}
	for _, tt := range []struct{ given, want []string }{
		{nil, []string{}},
		{[]string{}, []string{}},
		{[]string{"a", "b"}, []string{"a", "b"}},
		{given, []string{"a", "traefik.frontend.auth.basic=(set)"}},
	} {
		if diff := cmp.Diff(tt.want, kvschema.Shown(tt.given)); diff != "" {
			t.Errorf("%q: -want +got:\n%s", tt.given, diff)
		}
	}
	if given[1] != secret {
		t.Errorf("the tag itself became %q", given[1])
	}
}
