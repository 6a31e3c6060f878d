package kvschema_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/k8s-registrar/k8s-registrar/kvschema/traefik"
)

// TestCommaInARuleSplitsNoTag: an annotation for Traefik is one tag whatever it holds, in a
// list a comma can be escaped, and an annotation with a tag a line needs no escape.
func TestCommaInARuleSplitsNoTag(t *testing.T) {
	const rule = "traefik.frontend.rule=Host:a.example.com,b.example.com;Method:GET,POST"
	for name, annotations := range map[string]string{
		"an annotation of its own": `{"traefik.frontend.rule": "Host:a.example.com,b.example.com;Method:GET,POST"}`,
		"in a list":                `{"tags": "traefik.frontend.rule=Host:a.example.com\\,b.example.com;Method:GET\\,POST"}`,
		"a tag a line":             `{"k8s-registrar/tags": "traefik.frontend.rule=Host:a.example.com,b.example.com;Method:GET,POST"}`,
	} {
		t.Run(name, func(t *testing.T) {
			services, problem := readCart(t, withAnnotations(annotations))
			if problem != "" {
				t.Fatal(problem)
			}
			diff(t, []string{rule}, services[0].TagsOf(0))
			diff(t, []string(nil), services[0].Warnings)
		})
	}
}

// TestHalvesOfATagAreToldOf: they are announced as they are written, since nobody can know.
func TestHalvesOfATagAreToldOf(t *testing.T) {
	for _, tt := range []struct{ tags, rest string }{
		{"traefik.frontend.rule=Host:a.example.com,b.example.com", "b.example.com"},
		{"traefik.frontend.rule=Host:a,b.example.com;Method:GET", "b.example.com;Method:GET"},
		{"red,traefik.frontend.rule=Method:GET,POST,blue", "POST"},
		{"traefik.http.routers.a.rule=Host(`a`,`b`)", "`b`)"},
		{"traefik.frontend.rule=Path:/{n:[0-9]{1,2}}", "2}}"},
		{"traefik.frontend.rule=Path:/a,/b", "/b"},

		{"traefik.enable=true,kubernetes", ""},
		{"traefik.frontend.rule=Host:a.example.com,kubernetes,red", ""},
		{"traefik.frontend.rule=Host:a.example.com,traefik.tags=kubernetes", ""},
		{"traefik.http.routers.a.rule=Host(`a`),v1.2.3", "v1.2.3"}, // nobody can know
		{"traefik.frontend.entryPoints=http,https", ""},
		{"a.b.c,d.e.f", ""},
		{"traefik,a.b", ""},
		{"traefik.frontend.auth.basic.users=ann:(,secret)", ""}, // nothing of it is told
		{"", ""},
	} {
		services, problem := readCart(t, withAnnotations(`{"tags": "`+tt.tags+`"}`))
		if problem != "" {
			t.Errorf("%s: %s", tt.tags, problem)
			continue
		}
		var told string
		for _, warning := range services[0].Warnings {
			if _, rest, ok := strings.Cut(warning, `metadata.annotations.tags: "`); ok {
				told, _, _ = strings.Cut(rest, `" looks like the rest of "traefik.`)
			}
		}
		if told != tt.rest {
			t.Errorf("%s: %q, want the rest %q", tt.tags, services[0].Warnings, tt.rest)
		}
	}
}

// TestLastAnnotationTakesItsTagsAlong: what is not asked for any more is not announced any
// more, and a Service that asks for nothing any more is no service.
func TestLastAnnotationTakesItsTagsAlong(t *testing.T) {
	site := traefik.Site{Generation: traefik.Both}
	const bare = `{"metadata": {"name": "cart"}, "spec": {"type": "NodePort", "ports": [{"name": "http", "nodePort": 30080}]}}`
	if tags := readFor(site, echoserver, bare).Services[0].TagsOf(0); len(tags) > 0 {
		t.Errorf("it still has %q", tags)
	}
	for name, value := range map[string]string{
		"another type":    strings.Replace(bare, "NodePort", "ClusterIP", 1),
		"to be ignored":   strings.Replace(bare, `"cart"`, `"cart", "annotations": {"k8s-registrar/ignore": "true"}`, 1),
		"not to announce": strings.Replace(bare, `"cart"`, `"cart", "annotations": {"k8s-registrar/announce": "false"}`, 1),
		"outside of it":   strings.Replace(bare, `"NodePort"`, `"ExternalName", "externalName": "a.example.com"`, 1),
		"headless":        strings.Replace(bare, `"NodePort"`, `"ClusterIP", "clusterIP": "None"`, 1),
	} {
		tree := readFor(site, echoserver, value)
		if len(tree.Services) > 0 || len(tree.Problems) > 0 {
			t.Errorf("%s: %v %v", name, tree.Services, tree.Problems)
		}
	}
}

// TestWhiteSpaceAndQuotesHarmNobody: what a naive reader stumbles at is trimmed where it is
// a list, is to the letter where it is one tag, and is refused where Traefik 1.7 would
// freeze.
func TestWhiteSpaceAndQuotesHarmNobody(t *testing.T) {
	v1 := traefik.Site{Generation: traefik.V1}
	for _, tt := range []struct {
		annotations string
		want        []string // nil: it is refused
	}{
		{`{"tags": "  a , b=c=d,\te "}`, []string{"a", "b=c=d", "e"}},
		{`{"tags": "\"quoted\",it's"}`, []string{`"quoted"`, "it's"}}, // no Traefik reads them
		{`{"traefik.frontend.rule": "Host:a.example.com;Query:a=b"}`, []string{"traefik.frontend.rule=Host:a.example.com;Query:a=b"}},
		{`{"traefik.frontend.rule": "Path:/{n:\\\\d+}"}`, []string{`traefik.frontend.rule=Path:/{n:\\d+}`}},
		{`{"traefik.frontend.rule": "Path:/{n:\\d+}"}`, nil},
		{`{"traefik.frontend.rule": "Headers:A,\"b\""}`, nil},
		{`{"traefik.frontend.rule": "Host:a\nHost:b"}`, nil},
		{`{"traefik.frontend.rule": "Host:a.example.com\u0000"}`, nil},
	} {
		tree := readFor(v1, withAnnotations(tt.annotations))
		if tt.want == nil {
			if len(tree.Problems) != 1 || len(tree.Services) > 0 {
				t.Errorf("%s is not refused", tt.annotations)
			}
			continue
		}
		if len(tree.Problems) > 0 || !slices.Equal(tree.Services[0].TagsOf(0), tt.want) {
			t.Errorf("%s: %v %v, want the tags %q", tt.annotations, tree.Problems, tree.Services, tt.want)
		}
	}
}
