package takeover_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/k8s-registrar/k8s-registrar/register/takeover"
)

func TestParse(t *testing.T) {
	for _, tt := range []struct {
		what, text string
		want       []takeover.Old
		err        string
	}{
		{"as the plugin prints it", `{
  "services": [
    {
      "tags": [
        "traefik.enable=true",
        "red"
      ],
      "name": "web",
      "port": 30080
    },
    {
      "tags": null,
      "name": "cart",
      "port": 30081
    }
  ]
}
`, []takeover.Old{{ID: "cart", Name: "cart", Port: 30081}, {ID: "web", Name: "web", Port: 30080, Tags: []string{"traefik.enable=true", "red"}}}, ""},
		{"no services", `{"services": []}`, nil, ""},
		{"no tree", "\n", nil, ""},
		{"one with an ID and an address", `{"service": {"id": "x", "name": "web", "port": 1, "address": "10.9.9.9", "check": {"ttl": "1m"}}}`,
			[]takeover.Old{{ID: "x", Name: "web", Port: 1, Address: "10.9.9.9"}}, ""},
		{"one ID twice", `{"services": [{"name": "a", "port": 1}, {"name": "a", "port": 2}]}`, []takeover.Old{{ID: "a", Name: "a", Port: 2}}, ""},
		{"cut short", `{"services": [{"na`, nil, "want JSON"},
		{"something else", `{"services": [], "checks": []}`, nil, `"checks" besides services`},
		{"no name", `{"services": [{"port": 1}]}`, nil, "has no name"},
		{"another type", `{"services": [{"name": "a", "port": "http"}]}`, nil, "read services"},
	} {
		t.Run(tt.what, func(t *testing.T) {
			got, err := takeover.Parse([]byte(tt.text))
			if tt.err == "" && err != nil || tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)) {
				t.Errorf("error %v, want %q", err, tt.err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}
