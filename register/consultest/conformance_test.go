package consultest_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/k8s-registrar/k8s-registrar/e2e/consulproc"
	"github.com/k8s-registrar/k8s-registrar/register/consultest"
)

// step is one request of the conversation, by the bearer of a token.
type step struct{ token, method, path, body string }

// conversation is held with consultest and with a real Consul, and both must say the same.
var conversation = []step{
	// An empty tree.
	{"manager", "GET", "/v1/status/leader", ""},
	{"manager", "GET", "/v1/kv/d/?recurse", ""},
	{"manager", "GET", "/v1/kv/d/?keys&separator=/", ""},
	{"manager", "GET", "/v1/kv/?keys", ""},
	{"manager", "GET", "/v1/kv/d/ns1/a", ""},

	// KV: writes, deletes, and what becomes of the index.
	{"manager", "PUT", "/v1/kv/d/ns1/a", "hello"},
	{"manager", "PUT", "/v1/kv/d/ns1/b?flags=7", "hello"},
	{"manager", "PUT", "/v1/kv/d/ns2/a", "hello"},
	{"manager", "PUT", "/v1/kv/d/ns3/", ""},
	{"manager", "GET", "/v1/kv/d/?recurse", ""},
	{"manager", "GET", "/v1/kv/d/?recurse&stale", ""},
	{"manager", "GET", "/v1/kv/d/?recurse&consistent", ""},
	{"manager", "GET", "/v1/kv/d/?keys", ""},
	{"manager", "GET", "/v1/kv/d/?keys&separator=/", ""},
	{"manager", "GET", "/v1/kv/d/ns?keys&separator=/", ""},
	{"manager", "GET", "/v1/kv/d/ns1/a", ""},
	{"manager", "GET", "/v1/kv/d/ns9/a", ""},
	{"manager", "GET", "/v1/kv/none/?recurse", ""},
	{"manager", "PUT", "/v1/kv/d/ns1/a", "hello"},
	{"manager", "GET", "/v1/kv/d/?recurse", ""},
	{"manager", "PUT", "/v1/kv/other", "x"},
	{"manager", "GET", "/v1/kv/d/?recurse", ""},
	{"manager", "GET", "/v1/kv/none/?recurse", ""},
	{"manager", "DELETE", "/v1/kv/d/ns1/b", ""},
	{"manager", "DELETE", "/v1/kv/d/ns1/none", ""},
	{"manager", "GET", "/v1/kv/d/?recurse", ""},
	{"manager", "GET", "/v1/kv/d/ns2/?keys", ""},
	{"manager", "DELETE", "/v1/kv/d/ns2/?recurse", ""},
	{"manager", "GET", "/v1/kv/d/ns2/?keys", ""},
	{"manager", "PUT", "/v1/kv/other", "y"},
	{"manager", "GET", "/v1/kv/d/ns2/?keys", ""},
	{"manager", "GET", "/v1/kv/d/?keys", ""},
	{"manager", "PUT", "/v1/kv/d/ns2/a", "hello"},

	// KV: mistakes.
	{"manager", "GET", "/v1/kv/", ""},
	{"manager", "PUT", "/v1/kv/", ""},
	{"manager", "POST", "/v1/kv/a", ""},
	{"manager", "PUT", "/v1/kv/%20a", ""},
	{"manager", "GET", "/v1/kv/d/?recurse&stale&consistent", ""},
	{"manager", "GET", "/v1/kv/d/?recurse&index=x", ""},
	{"manager", "GET", "/v1/kv/d/?recurse&index=1&wait=x", ""},
	{"manager", "GET", "/v1/nope", ""},

	// KV: check-and-set, all or nothing.
	{"manager", "PUT", "/v1/txn", `[{"KV":{"Verb":"cas","Key":"t/a","Value":"aGk=","Flags":3}},{"KV":{"Verb":"cas","Key":"t/b","Value":""}}]`},
	{"manager", "PUT", "/v1/txn", `[{"KV":{"Verb":"cas","Key":"t/c","Value":"aGk="}},{"KV":{"Verb":"cas","Key":"t/a","Value":"aGk="}},
		{"KV":{"Verb":"delete-cas","Key":"t/b","Index":1}}]`},
	{"manager", "PUT", "/v1/txn", `[{"KV":{"Verb":"delete-cas","Key":"t/none","Index":9}}]`},
	{"manager", "PUT", "/v1/txn", `[{"KV":{"Verb":"delete-cas","Key":"t/a"}}]`},
	{"manager", "PUT", "/v1/txn", `{`},
	{"manager", "GET", "/v1/kv/t/?recurse", ""},
	{"list", "PUT", "/v1/txn", `[{"KV":{"Verb":"cas","Key":"t/a","Value":"aGk="}},{"KV":{"Verb":"delete-cas","Key":"t/b"}}]`},
	{"", "PUT", "/v1/txn", `[{"KV":{"Verb":"cas","Key":"t/c","Value":"aGk="}}]`},
	{unknownToken, "PUT", "/v1/txn", `[{"KV":{"Verb":"cas","Key":"t/c","Value":"aGk="}}]`},
	{"manager", "GET", "/v1/txn", ""},

	// KV: who may see what.
	{"list", "GET", "/v1/kv/d/?recurse", ""},
	{"list", "GET", "/v1/kv/d/", ""},
	{"list", "PUT", "/v1/kv/d/ns1/a", "x"},
	{"part", "GET", "/v1/kv/d/?recurse", ""},
	{"part", "GET", "/v1/kv/d/?keys&separator=/", ""},
	{"part", "GET", "/v1/kv/?keys", ""},
	{"part", "GET", "/v1/kv/d/", ""},
	{"part", "GET", "/v1/kv/d/ns1/a", ""},
	{"nothing", "GET", "/v1/kv/d/?recurse", ""},
	{"nothing", "GET", "/v1/kv/d/?keys&separator=/", ""},
	{"nothing", "GET", "/v1/kv/?keys", ""},
	{"nothing", "GET", "/v1/kv/d/", ""},
	{"nothing", "DELETE", "/v1/kv/d/ns1/a", ""},
	{"", "GET", "/v1/kv/d/?recurse", ""},
	{"", "GET", "/v1/kv/d/", ""},
	{"", "PUT", "/v1/kv/d/ns1/a", "x"},
	{unknownToken, "GET", "/v1/kv/d/?recurse", ""},
	{unknownToken, "GET", "/v1/kv/d/", ""},
	{unknownToken, "GET", "/v1/status/leader", ""},

	// The agent: an empty one. Its first push makes the node's own entry in the catalog complete.
	{"list", "PUT", "/v1/agent/service/register", `{"Name":"first"}`},
	{"list", "PUT", "/v1/agent/service/deregister/first", ""},
	{"list", "GET", "/v1/agent/services", ""},
	{"list", "GET", "/v1/agent/checks", ""},
	{"manager", "GET", "/v1/catalog/node-services/client-1", ""},
	{"manager", "GET", "/v1/catalog/node-services/nobody", ""},
	{"manager", "GET", "/v1/catalog/node-services/client-1?filter=ID+==+%22-%22", ""},

	// The agent: register, and the same again.
	{"list", "PUT", "/v1/agent/service/register", webJSON},
	{"list", "GET", "/v1/agent/services", ""},
	{"list", "GET", "/v1/agent/checks", ""},
	{"manager", "GET", "/v1/catalog/node-services/client-1", ""},
	{"manager", "GET", "/v1/catalog/node-services/client-1?stale&filter=ID+==+%22-%22", ""},
	{"list", "PUT", "/v1/agent/service/register", webJSON},
	{"manager", "GET", "/v1/catalog/node-services/client-1", ""},
	{"list", "PUT", "/v1/agent/service/register", `{"Name":"two","Address":"fe80::1","Weights":{"Passing":3,"Warning":2},
		"Checks":[{"CheckID":"c1","TTL":"1h","Status":"passing"},{"TCP":"127.0.0.1:1","Interval":"10000h"}]}`},
	{"list", "PUT", "/v1/agent/service/register", `{"Name":"three","Check":{}}`},
	{"list", "GET", "/v1/agent/services", ""},
	{"list", "GET", "/v1/agent/checks", ""},
	{"manager", "GET", "/v1/catalog/node-services/client-1", ""},

	// The agent: one service.
	{"part", "GET", "/v1/agent/service/two", ""},
	{"list", "GET", "/v1/agent/service/nope", ""},
	{"part", "GET", "/v1/agent/service/nope", ""},
	{"list", "GET", "/v1/agent/health/service/id/k8s-web", ""},
	{"list", "GET", "/v1/agent/health/service/id/three", ""},
	{"list", "GET", "/v1/agent/health/service/id/nope", ""},
	{"part", "GET", "/v1/agent/health/service/id/two", ""},
	{"part", "GET", "/v1/agent/health/service/id/nope", ""},

	// The agent: filters.
	{"list", "GET", `/v1/agent/services?filter=Meta["managed-by"]+==+"us"`, ""},
	{"list", "GET", `/v1/agent/services?filter=Meta["managed-by"]+!=+"us"`, ""},
	{"list", "GET", `/v1/agent/services?filter=Meta["managed-by"]+==+"us"+and+Service+==+web`, ""},
	{"list", "GET", `/v1/agent/services?filter=ID+matches+"^(?:k8s-|none)"`, ""},
	{"list", "GET", `/v1/agent/services?filter=ID+matches+"^(?:k8s\\-w|none)"`, ""},
	{"list", "GET", `/v1/agent/services?filter=ID+not+matches+"^(?:k8s\\-w|none)"`, ""},
	{"list", "GET", `/v1/agent/checks?filter=ServiceID+not+matches+"^(?:k8s\\-w|none)"`, ""},
	{"manager", "GET", `/v1/catalog/node-services/client-1?filter=ID+not+matches+"^(?:k8s\\-w|none)"`, ""},
	{"manager", "GET", `/v1/health/node/client-1?filter=ServiceID+matches+"^(?:k8s\\-w|none)"`, ""},
	{"list", "GET", `/v1/agent/services?filter=Nope+==+"x"`, ""},
	{"list", "GET", `/v1/agent/checks?filter=ServiceID+==+"two"`, ""},

	// The agent: maintenance, stolen and replaced checks.
	{"list", "PUT", "/v1/agent/service/maintenance/k8s-web?enable=true&reason=why", ""},
	{"list", "PUT", "/v1/agent/service/maintenance/two?enable=true", ""},
	{"list", "PUT", "/v1/agent/service/maintenance/nope?enable=true", ""},
	{"list", "PUT", "/v1/agent/service/maintenance/k8s-web", ""},
	{"list", "PUT", "/v1/agent/service/maintenance/k8s-web?enable=q", ""},
	{"list", "PUT", "/v1/agent/service/maintenance/?enable=true", ""},
	{"list", "GET", "/v1/agent/checks", ""},
	{"list", "PUT", "/v1/agent/service/maintenance/two?enable=false", ""},
	{"list", "PUT", "/v1/agent/service/register", `{"Name":"three","Check":{"CheckID":"c1","TTL":"1h"}}`},
	{"list", "PUT", "/v1/agent/service/register?replace-existing-checks=true",
		`{"Name":"web","ID":"k8s-web","Check":{"CheckID":"new","TTL":"1h"}}`},
	{"list", "GET", "/v1/agent/checks", ""},
	{"manager", "GET", "/v1/catalog/node-services/client-1", ""},

	// The agent: mistakes.
	{"list", "PUT", "/v1/agent/service/register", `{"ID":"x"}`},
	{"list", "PUT", "/v1/agent/service/register", `{`},
	{"list", "PUT", "/v1/agent/service/register", `{"Name":"x","Bogus":1}`},
	{"list", "PUT", "/v1/agent/service/register", `{"Name":"x","Address":"0.0.0.0"}`},
	{"list", "PUT", "/v1/agent/service/register", `{"Name":"x","Meta":{"a.b":"x"}}`},
	{"list", "PUT", "/v1/agent/service/register", `{"Name":"x","Meta":{"":"x"}}`},
	{"list", "PUT", "/v1/agent/service/register", `{"Name":"x","Meta":{"consul-a":"x"}}`},
	{"list", "PUT", "/v1/agent/service/register", `{"Name":"x","Meta":{"a":"` + strings.Repeat("v", 513) + `"}}`},
	{"list", "PUT", "/v1/agent/service/register", `{"Name":"x","Weights":{"Passing":0}}`},
	{"list", "PUT", "/v1/agent/service/register", `{"Name":"x","Weights":{"Passing":1,"Warning":99999}}`},
	{"list", "PUT", "/v1/agent/service/register", `{"Name":"x","Check":{"TCP":"a:1"}}`},
	{"list", "PUT", "/v1/agent/service/register", `{"Name":"x","Checks":[{}]}`},
	{"list", "PUT", "/v1/agent/service/register", `{"Name":"x","Check":{"TCP":"a:1","Interval":"1h","Status":"bad"}}`},
	{"list", "PUT", "/v1/agent/service/register", `{"Name":"x","Check":{"TTL":"1h","FailuresBeforeWarning":2}}`},
	{"list", "GET", "/v1/agent/service/register", ""},
	{"list", "PUT", "/v1/status/leader", ""},

	// The agent: who may see and do what.
	{"part", "GET", "/v1/agent/services", ""},
	{"part", "GET", "/v1/agent/checks", ""},
	{"part", "GET", "/v1/agent/service/two", ""},
	{"part", "GET", "/v1/agent/service/nope", ""},
	{"part", "GET", "/v1/agent/self", ""},
	{"part", "GET", "/v1/catalog/node-services/client-1", ""},
	{"part", "GET", "/v1/catalog/node-services/client-1?filter=ID+==+%22-%22", ""},
	{"part", "PUT", "/v1/agent/service/register", `{"Name":"two"}`},
	{"part", "PUT", "/v1/agent/service/register", `{"Name":"web","ID":"two"}`},
	{"part", "PUT", "/v1/agent/service/deregister/two", ""},
	{"part", "PUT", "/v1/agent/service/deregister/nope", ""},
	{"part", "PUT", "/v1/agent/check/deregister/c1", ""},
	{"part", "PUT", "/v1/agent/service/maintenance/two?enable=true", ""},
	{"nothing", "GET", "/v1/agent/services", ""},
	{"nothing", "GET", "/v1/agent/checks", ""},
	{"", "GET", "/v1/agent/services", ""},
	{"", "GET", "/v1/agent/checks", ""},
	{"", "GET", "/v1/agent/service/two", ""},
	{"", "GET", "/v1/agent/service/nope", ""},
	{"", "GET", "/v1/agent/self", ""},
	{"", "GET", "/v1/catalog/node-services/client-1", ""},
	{"", "PUT", "/v1/agent/service/register", `{"Name":"two"}`},
	{unknownToken, "GET", "/v1/agent/services", ""},
	{unknownToken, "GET", "/v1/agent/service/nope", ""},
	{unknownToken, "PUT", "/v1/agent/service/register", `{"Name":"two"}`},

	// The agent: deregister.
	{"list", "PUT", "/v1/agent/check/deregister/new", ""},
	{"list", "PUT", "/v1/agent/check/deregister/new", ""},
	{"list", "PUT", "/v1/agent/service/deregister/k8s-web", ""},
	{"list", "PUT", "/v1/agent/service/deregister/k8s-web", ""},
	{"list", "GET", "/v1/agent/services", ""},
	{"list", "GET", "/v1/agent/checks", ""},
	{"manager", "GET", "/v1/catalog/node-services/client-1", ""},
}

const (
	unknownToken = "99999999-9999-4999-8999-999999999999"

	webJSON = `{"ID":"k8s-web","Name":"web","Port":30080,"Address":"10.0.0.1","Tags":["b","a"],"Meta":{"managed-by":"us"},
		"Check":{"Name":"web tcp","TTL":"1h","Timeout":"2s","Notes":"n1"}}`
)

// policies are the same rules in the words of a real Consul and in ours.
var policies = map[string]struct {
	rules string
	ours  consultest.Rules
}{
	"list": {
		`key_prefix "d/" { policy = "list" } service_prefix "" { policy = "write" }`,
		consultest.Rules{Key: map[string]string{"d/": "list"}, Service: map[string]string{"": "write"}},
	},
	"part": {
		`key_prefix "d/ns1/" { policy = "read" } service_prefix "web" { policy = "write" }`,
		consultest.Rules{Key: map[string]string{"d/ns1/": "read"}, Service: map[string]string{"web": "write"}},
	},
	"nothing": {
		`service_prefix "zz" { policy = "read" }`,
		consultest.Rules{Service: map[string]string{"zz": "read"}},
	},
}

// TestSameAsRealConsul needs the Consul program; see consulproc.Binary.
func TestSameAsRealConsul(t *testing.T) {
	cluster, err := consulproc.Start(t.Context(), consulproc.Options{DefaultPolicy: "deny", Clients: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := cluster.Stop(); err != nil {
			t.Error(err)
		}
	}()
	agent := cluster.Clients()[0]
	ours := consultest.New()
	ours.SetNode(agent.Name(), agent.Address())
	tokens := grant(t, cluster, ours)

	genuine := &party{base: "http://" + agent.HTTPAddr(), transport: http.DefaultTransport, tokens: tokens}
	fake := &party{base: "http://consul", transport: ours.Transport(), tokens: tokens}
	for _, s := range conversation {
		t.Run(strings.TrimSpace(s.token+" "+s.method+" "+s.path), func(t *testing.T) {
			diff(t, genuine.ask(t, s), fake.ask(t, s))
		})
	}
	compareSelf(t, genuine, fake)
}

// grant makes the same tokens known to both, and returns their secrets.
func grant(t *testing.T, cluster *consulproc.Cluster, ours *consultest.Consul) map[string]string {
	t.Helper()
	tokens := map[string]string{"manager": cluster.ManagementToken()}
	all := map[string]string{"": "write"}
	ours.DenyByDefault()
	ours.Grant(tokens["manager"], consultest.Rules{Key: all, Service: all, Node: "read", Agent: "read"})
	for name, policy := range policies {
		secret, err := cluster.Token(t.Context(), policy.rules)
		if err != nil {
			t.Fatal(err)
		}
		tokens[name] = secret
		ours.Grant(secret, policy.ours)
	}
	return tokens
}

// party is one side of the conversation.
type party struct {
	base      string
	transport http.RoundTripper
	tokens    map[string]string
	indexes   map[string]string // the last of each path
}

// said is an answer, with all that differs between any two Consuls taken out.
type said struct {
	Status int
	Header map[string]string
	Index  string // compared with the last one of the same path
	Body   string
}

func (p *party) ask(t *testing.T, s step) said {
	t.Helper()
	response, body := p.send(t, s)
	answer := said{Status: response.StatusCode, Header: map[string]string{}, Body: normal(body)}
	for name := range response.Header {
		if strings.HasPrefix(name, "X-Consul-") || name == "Content-Type" && len(body) > 0 {
			answer.Header[name] = response.Header.Get(name)
		}
	}
	if index := answer.Header["X-Consul-Index"]; index != "" {
		answer.Index = p.direction(s.path, index)
		answer.Header["X-Consul-Index"] = "N"
	}
	return answer
}

func (p *party) send(t *testing.T, s step) (*http.Response, []byte) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), s.method, p.base+s.path, strings.NewReader(s.body))
	if err != nil {
		t.Fatal(err)
	}
	if s.token != "" {
		request.Header.Set("X-Consul-Token", cmp.Or(p.tokens[s.token], s.token))
	}
	request.URL.RawQuery = strings.NewReplacer(`"`, "%22", "[", "%5B", "]", "%5D").Replace(request.URL.RawQuery)
	response, err := p.transport.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, body
}

// direction says how an index moved since the path was last read.
func (p *party) direction(path, index string) string {
	path, _, _ = strings.Cut(path, "?")
	if p.indexes == nil {
		p.indexes = map[string]string{}
	}
	before := p.indexes[path]
	p.indexes[path] = index
	if before == "" {
		return "first"
	}
	switch cmp.Or(cmp.Compare(len(index), len(before)), cmp.Compare(index, before)) {
	case -1:
		return "lower"
	case 1:
		return "higher"
	default:
		return "same"
	}
}

var (
	uuid    = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)
	indexes = regexp.MustCompile(`"(CreateIndex|ModifyIndex)": [1-9][0-9]*`)
	leader  = regexp.MustCompile(`"[0-9.]+:[0-9]+"`)
)

// normal is a body with its fields sorted, and without IDs, indexes and addresses of servers.
func normal(body []byte) string {
	var v any
	if json.Unmarshal(body, &v) == nil {
		body, _ = json.MarshalIndent(v, "", " ")
	}
	text := uuid.ReplaceAllString(string(bytes.TrimSpace(body)), "UUID")
	text = indexes.ReplaceAllString(text, `"$1": N`)
	return leader.ReplaceAllString(text, `"LEADER"`)
}

// compareSelf checks that what we say of the agent, the real one says too. It says much more.
func compareSelf(t *testing.T, genuine, fake *party) {
	t.Helper()
	want, got := self(t, genuine), self(t, fake)
	own := []string{"NodeID", "BuildDate", "Port", "Tags"}
	for part, fields := range got {
		for name, value := range fields {
			if !slices.Contains(own, name) && fmt.Sprint(value) != fmt.Sprint(want[part][name]) {
				t.Errorf("self: %s.%s is %v, really %v", part, name, value, want[part][name])
			}
		}
	}
}

func self(t *testing.T, p *party) (parts map[string]map[string]any) {
	t.Helper()
	_, body := p.send(t, step{"manager", "GET", "/v1/agent/self", ""})
	if err := json.Unmarshal(body, &parts); err != nil {
		t.Fatal(err)
	}
	return parts
}
