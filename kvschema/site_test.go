package kvschema_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/k8s-registrar/k8s-registrar/kvschema"
	"github.com/k8s-registrar/k8s-registrar/kvschema/traefik"
)

// echoserver is the customer's own Service, with a port more.
const echoserver = `{"metadata": {"name": "cart", "annotations": {
	"traefik.enable": "true", "traefik.tags": "kubernetes", "tags": "k8s,red",
	"traefik.frontend.rule": "Host:echoserver.example.com,echo.example.com;Method:GET,POST",
	"traefik.frontend.entryPoints": "http,https",
	"traefik.backend.loadbalancer": "wrr", "traefik.backend.weight": "10"}},
	"spec": {"type": "NodePort", "ports": [{"name": "http", "nodePort": 30080}, {"name": "metrics", "nodePort": 30081}]}}`

func readFor(site traefik.Site, values ...string) kvschema.Tree {
	return kvschema.Compose([]*kvschema.Reading{readingFor(site, values...)})
}

func readingFor(site traefik.Site, values ...string) *kvschema.Reading {
	reader := kvschema.NewReader(kvschema.Prefix("kubernetes"), kvschema.Rules{Ports: "all"}).For(site)
	var reading *kvschema.Reading
	for i, value := range values { // each replaces the one before
		pair := kvschema.Pair{Key: "kubernetes/deployments/shop/cart", Value: []byte(value), CreateIndex: 1, ModifyIndex: uint64(i + 1)}
		reading, _ = reader.Read(pair, reading)
	}
	return reading
}

// With generation v1 every byte is what it was; with both nothing is taken away.
func TestGenerationAddsTags(t *testing.T) {
	before := readFor(traefik.Site{}, echoserver).Services[0].TagsOf(0)
	v1 := readFor(traefik.Site{Generation: traefik.V1}, echoserver).Services[0].TagsOf(0)
	if !slices.Equal(before, v1) {
		t.Errorf("v1 announces %q, want %q", v1, before)
	}
	both := readFor(traefik.Site{Generation: traefik.Both, TLSEntryPoints: []string{"https"}}, echoserver)
	if len(both.Problems) > 0 || len(both.Services[0].Warnings) > 0 {
		t.Errorf("nothing is wrong with it: %v %q", both.Problems, both.Services[0].Warnings)
	}
	for _, tag := range before {
		if !slices.Contains(both.Services[0].TagsOf(0), tag) {
			t.Errorf("both does not announce %s", tag)
		}
	}
}

// What is for Traefik goes to one port, and so does the plain tag that its constraint
// asks for: on the other port it would ask for a default route.
func TestTraefiksTagsGoToOnePort(t *testing.T) {
	service := readFor(traefik.Site{Generation: traefik.Both}, echoserver).Services[0]
	if first := service.TagsOf(0); !slices.Contains(first, "kubernetes") || !slices.ContainsFunc(first, isRouter) {
		t.Errorf("the first port lacks tags: %q", first)
	}
	if second := service.TagsOf(1); !slices.Equal(second, []string{"k8s", "red", "traefik.enable=false"}) {
		t.Errorf("the second port has %q", second)
	}
	if len(service.ClaimsOf(0)) < 4 || len(service.ClaimsOf(1)) != 1 {
		t.Errorf("claims: %v, %v", service.ClaimsOf(0), service.ClaimsOf(1))
	}
}

// A further port says nothing to Traefik, which would make up a route for it: to a port
// for metrics, or to one of a Service that Traefik was told to pass over.
func TestNoRouteIsMadeUpForFurtherPorts(t *testing.T) {
	off := strings.Replace(echoserver, `"traefik.enable": "true"`, `"traefik.enable": "false"`, 1)
	const without = `{"metadata": {"name": "cart", "annotations": {"tags": "k8s,red"}}, "spec": {"type": "NodePort",
		"ports": [{"name": "http", "nodePort": 30080}, {"name": "metrics", "nodePort": 30081}]}}`
	for _, tt := range []struct {
		what, value string
		site        traefik.Site
		want        bool
	}{
		{"Traefik 1.7 exposes all", echoserver, traefik.Site{Generation: traefik.V1}, true},
		{"and does not when told so", echoserver, traefik.Site{Generation: traefik.V1, HiddenByDefault: true}, false},
		{"its constraint looks at traefik.tags, which the port does not have", echoserver, traefik.Site{Generation: traefik.V1, Constraint: "k8s"}, false},
		{"that of Traefik 3 at plain tags, which it has", echoserver, traefik.Site{Generation: traefik.V3, Constraint: "k8s"}, true},
		{"in both", echoserver, traefik.Site{Generation: traefik.Both, Constraint: "k8s"}, true},
		{"or has not", echoserver, traefik.Site{Generation: traefik.V3, Constraint: "kubernetes"}, false},
		{"Traefik was told to pass over the Service", off, traefik.Site{Generation: traefik.V3}, true},
		{"the Service says nothing to Traefik at all", without, traefik.Site{Generation: traefik.Both}, false},
		{"nobody said which Traefik", echoserver, traefik.Site{}, false},
	} {
		service := readFor(tt.site, tt.value).Services[0]
		if got := slices.Contains(service.TagsOf(1), "traefik.enable=false"); got != tt.want {
			t.Errorf("%s: hidden %v, want %v, by %q", tt.what, got, tt.want, service.TagsOf(1))
		}
		for _, outcome := range traefik.Explain("cart-metrics", service.TagsOf(1), tt.site) {
			if outcome.Routed && tt.want {
				t.Errorf("%s: Traefik %s routes it", tt.what, outcome.Traefik)
			}
		}
	}
}

func isRouter(tag string) bool { return strings.HasPrefix(tag, "traefik.http.routers.") }

// One poisonous service would freeze Traefik 1.7 for all: it keeps its last good reading.
func TestPoisonousTagsAreRefused(t *testing.T) {
	poisonous := strings.Replace(echoserver, "Method:GET,POST", `HeadersRegexp:A,\"`, 1)
	tree := readFor(traefik.Site{Generation: traefik.V1}, echoserver, poisonous)
	if len(tree.Problems) != 1 || !strings.Contains(tree.Problems[0].Error(), `traefik.frontend.rule: Traefik 1.7 would take no change of any service any more: it holds a quote: write \" or leave it out (v1-freeze)`) {
		t.Errorf("problems: %v", tree.Problems)
	}
	if len(tree.Services) != 1 || !slices.Equal(tree.Services[0].TagsOf(0), readFor(traefik.Site{}, echoserver).Services[0].TagsOf(0)) {
		t.Errorf("the last good reading is gone: %v", tree.Services)
	}
	off := traefik.Site{Generation: traefik.V1, Severities: map[string]traefik.Severity{traefik.RuleFreeze: traefik.Warn}}
	if tree := readFor(off, poisonous); len(tree.Problems) > 0 || len(tree.Services[0].Warnings) != 1 {
		t.Errorf("a warning announces the service and says so: %v %q", tree.Problems, tree.Services[0].Warnings)
	}
}

// TestClaimantsAreThoseWhoClaim: whatever is among a key's claims, be it only remembered, and
// nothing else.
func TestClaimantsAreThoseWhoClaim(t *testing.T) {
	renamed := strings.Replace(echoserver, `"traefik.enable": "true"`, `"k8s-registrar/name": "shop", "tags.x": "a\nb"`, 1)
	reading := readingFor(traefik.Site{Generation: traefik.Both}, echoserver, renamed)
	claims := reading.Claims()
	for _, thing := range append(claims, kvschema.Claim{Kind: "name", Name: "other"}) {
		want := slices.Contains(claims, thing)
		if got := kvschema.Claimants([]*kvschema.Reading{reading}, []kvschema.Claim{{}, thing}); len(got) == 1 != want {
			t.Errorf("%s is claimed by %d keys, want it claimed: %t", thing, len(got), want)
		}
	}
	for _, name := range []string{"shop", "shop-metrics", "cart", "cart-metrics"} {
		if !slices.Contains(claims, kvschema.Claim{Kind: "name", Name: name}) {
			t.Errorf("the name %q is not claimed: %v", name, claims)
		}
	}
	if len(claims) < 7 || reading.Err() == nil {
		t.Errorf("it claims %v and is wrong by %v", claims, reading.Err())
	}
}
