package kvschema_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/k8s-registrar/k8s-registrar/kvschema"
)

// three is a Service of three ports.
const three = `{"metadata": {"name": "cart", "annotations": %s}, "spec": {"type": "NodePort", "ports": [
	{"name": "http", "port": 80, "nodePort": 30080},
	{"name": "metrics", "port": 9090, "nodePort": 30090},
	{"name": "dns", "port": 53, "protocol": "UDP", "nodePort": 30053}]}}`

// annotated is a value of the key cartKey with annotations in pairs of name and value;
// those that begin with a slash are this program's.
func annotated(t testing.TB, value string, pairs ...string) string {
	t.Helper()
	annotations := map[string]string{}
	for i := 0; i < len(pairs); i += 2 {
		name := pairs[i]
		if strings.HasPrefix(name, "/") {
			name = "k8s-registrar" + name
		}
		annotations[name] = pairs[i+1]
	}
	text, err := json.Marshal(annotations)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf(value, text)
}

// readBy decodes one value of the key cartKey by rules.
func readBy(t testing.TB, rules kvschema.Rules, value string) (kvschema.Tree, []kvschema.Claim) {
	t.Helper()
	reader := kvschema.NewReader(kvschema.Prefix("kubernetes"), rules)
	reading, ours := reader.Read(kvschema.Pair{Key: cartKey, Value: []byte(value)}, nil)
	if !ours {
		t.Fatal("it is not ours")
	}
	return kvschema.Compose([]*kvschema.Reading{reading}), reading.Claims()
}

// TestEveryAnnotationIsRead has what each of them does to a Service, and to nothing else
// of it.
func TestEveryAnnotationIsRead(t *testing.T) {
	ports := []kvschema.Port{
		{Name: "http", Protocol: "TCP", Port: 80, NodePort: 30080},
		{Name: "metrics", Protocol: "TCP", Port: 9090, NodePort: 30090},
		{Name: "dns", Protocol: "UDP", Port: 53, NodePort: 30053},
	}
	two, none := 2, 0
	all := map[string]bool{"meta.": true}
	for _, tt := range []struct {
		pairs []string
		want  func(*kvschema.Service)
	}{
		{[]string{"/announce", "true"}, nil},
		{[]string{"/ignore", "false"}, nil},
		{[]string{"/ignore", " false\n"}, nil},
		{[]string{"/name", "basket"}, func(s *kvschema.Service) { s.As = "basket" }},
		{[]string{"/name", "cart"}, nil},
		{[]string{"/port", "metrics"}, func(s *kvschema.Service) { s.Ports = ports[1:2] }},
		{[]string{"/port", "53"}, func(s *kvschema.Service) { s.Ports = ports[2:] }},
		{[]string{"/ports", "first"}, nil},
		{[]string{"/ports", "all"}, func(s *kvschema.Service) { s.Ports = ports }},
		{[]string{"/ports", "53, http"}, func(s *kvschema.Service) { s.Ports = []kvschema.Port{ports[0], ports[2]} }},
		{[]string{"/ports", "all", "/port", "metrics"}, func(s *kvschema.Service) { s.Ports = []kvschema.Port{ports[1], ports[0], ports[2]} }},
		{[]string{"/tags", "a,b\n\n  traefik.x[0]=y,z \r\na,b"}, func(s *kvschema.Service) {
			s.Tags, s.Traefik = []string{"a,b"}, []string{"traefik.x[0]=y,z"}
		}},
		{[]string{"tags", "z, traefik.a=b", "traefik.enable", "true"}, func(s *kvschema.Service) {
			s.Tags, s.Traefik = []string{"z"}, []string{"traefik.a=b", "traefik.enable=true"}
		}},
		{[]string{"/ports", "all", "/traefik.port", "9090"}, func(s *kvschema.Service) { s.Ports, s.TraefikPort = ports, 1 }},
		{[]string{"/meta.team", "shop", "/meta.Cost_center-7", "  42 "}, func(s *kvschema.Service) {
			s.Meta = map[string]string{"team": "shop", "Cost_center-7": "42"}
		}},
		{[]string{"/weight", "10"}, func(s *kvschema.Service) { s.Weights = kvschema.Weights{Passing: 10, Warning: 1} }},
		{[]string{"/weight", "1"}, nil},
		{[]string{"/weight.warning", "0"}, func(s *kvschema.Service) { s.Weights = kvschema.Weights{Passing: 1} }},
		{[]string{"/address", "FD00:0::7"}, func(s *kvschema.Service) { s.Address = "fd00::7" }},
		{[]string{"/address", "node"}, func(s *kvschema.Service) { s.Address = "node" }},
		{[]string{"/address", ""}, nil},
		{[]string{"/nodes", "role=edge, zone!=b,gpu,!spare,a==b"}, func(s *kvschema.Service) {
			s.Nodes = kvschema.Selector{
				{Key: "role", Value: "edge"},
				{Key: "zone", Value: "b", Not: true},
				{Key: "gpu", Any: true},
				{Key: "spare", Any: true, Not: true},
				{Key: "a", Value: "b"},
			}
		}},
		{[]string{"/spread", "2"}, func(s *kvschema.Service) { s.Copies = &two }},
		{[]string{"/spread", "all"}, func(s *kvschema.Service) { s.Copies = &none }},
		{[]string{"/check.type", "https", "/check.path", "/healthz?full=1", "/check.host", "cart.example.com"}, func(s *kvschema.Service) {
			s.Check = &kvschema.Check{Kind: "https", Path: "/healthz?full=1", Host: "cart.example.com"}
		}},
		{[]string{"/check.type", "grpc", "/check.service", "shop.v1.Cart"}, func(s *kvschema.Service) {
			s.Check = &kvschema.Check{Kind: "grpc", Service: "shop.v1.Cart"}
		}},
		{[]string{"/check.port", "metrics"}, func(s *kvschema.Service) { s.Check = &kvschema.Check{Port: 30090} }},
		{[]string{"/check.interval", "1m30s"}, func(s *kvschema.Service) { s.Check = &kvschema.Check{Interval: 90 * time.Second} }},
		{[]string{"/check.timeout", "1ms"}, func(s *kvschema.Service) { s.Check = &kvschema.Check{Timeout: time.Millisecond} }},
		{[]string{"/check.failures_before_critical", "5"}, func(s *kvschema.Service) { s.Check = &kvschema.Check{FailuresBeforeCritical: 5} }},
		{[]string{"/check.failures_before_warning", "0"}, func(s *kvschema.Service) { s.Check = &kvschema.Check{FailuresBeforeWarning: &none} }},
		{[]string{"/check.success_before_passing", "2"}, func(s *kvschema.Service) { s.Check = &kvschema.Check{SuccessBeforePassing: &two} }},
		{[]string{"/check.initial_status", "critical"}, func(s *kvschema.Service) { s.Check = &kvschema.Check{InitialStatus: "critical"} }},
	} {
		t.Run(strings.Join(tt.pairs, " "), func(t *testing.T) {
			for i := 0; i < len(tt.pairs); i += 2 {
				all[strings.TrimPrefix(tt.pairs[i], "/")] = true
			}
			want := kvschema.Service{Ref: kvschema.Ref{Key: cartKey, Namespace: "shop", Name: "cart"}, Ports: ports[:1]}
			if tt.want != nil {
				tt.want(&want)
			}
			tree, _ := readBy(t, kvschema.Rules{}, annotated(t, three, tt.pairs...))
			diff(t, kvschema.Tree{Services: []*kvschema.Service{&want}}, tree)
		})
	}
	for _, a := range kvschema.Annotations() {
		if !all[a.Name] {
			t.Errorf("the table lacks %s", a.Name)
		}
	}
}

// TestBadAnnotationIsAProblem of its Service, whose claims are read all the same.
func TestBadAnnotationIsAProblem(t *testing.T) {
	long := strings.Repeat("a", 64)
	for _, tt := range []struct {
		pairs []string
		want  string
	}{
		{[]string{"/announce", "yes"}, `metadata.annotations.k8s-registrar/announce is "yes": want true or false`},
		{[]string{"/ignore", ""}, `metadata.annotations.k8s-registrar/ignore is "": want true or false`},
		{[]string{"/ignore", "true", "/announce", "true"}, `k8s-registrar/announce and k8s-registrar/ignore say the opposite: remove one of them`},
		{[]string{"/name", "Cart"}, `metadata.annotations.k8s-registrar/name is "Cart": the name "Cart" is not a DNS label: use a-z, 0-9 and, inside, -`},
		{[]string{"/name", long}, `metadata.annotations.k8s-registrar/name is "` + long + `": the name has 64 characters: a DNS label has at most 63`},
		{[]string{"/name", " "}, `metadata.annotations.k8s-registrar/name is "": want a DNS label, or no such annotation`},
		{[]string{"/port", "https"}, `k8s-registrar/port: there is no port "https": the Service has "http, metrics, dns"`},
		{[]string{"/ports", "every"}, `k8s-registrar/ports: there is no port "every": the Service has "http, metrics, dns", and want first, all or such names between commas`},
		{[]string{"/traefik.port", "metrics"}, `k8s-registrar/traefik.port: no port "metrics" is announced`},
		{[]string{"/tags", "a\nb\tc"}, `metadata.annotations.k8s-registrar/tags is "a\nb\tc": a line holds the control character U+0009: write one tag a line`},
		{[]string{"/meta.a.b", "x"}, `metadata.annotations.k8s-registrar/meta.a.b is "x": "a.b" is no key of Consul's meta: want letters, digits, - and _, at most 128`},
		{[]string{"/meta.", "x"}, `metadata.annotations.k8s-registrar/meta is "x": "" is no key of Consul's meta: want letters, digits, - and _, at most 128`},
		{[]string{"/meta.consul-x", "x"}, `metadata.annotations.k8s-registrar/meta.consul-x is "x": the meta key "consul-x" is reserved: choose another`},
		{[]string{"/meta.external-source", "x"}, `metadata.annotations.k8s-registrar/meta.external-source is "x": the meta key "external-source" is reserved: choose another`},
		{[]string{"/meta.a", strings.Repeat("a", 513)}, `metadata.annotations.k8s-registrar/meta.a is "` + long + `...": the value has 513 bytes: Consul takes 512`},
		{[]string{"/meta.a", "a\nb"}, `metadata.annotations.k8s-registrar/meta.a is "a\nb": the value holds a control character: write it on one line`},
		{[]string{"/weight", "0"}, `metadata.annotations.k8s-registrar/weight is "0": want a whole number from 1 to 65535`},
		{[]string{"/weight.warning", "65536"}, `metadata.annotations.k8s-registrar/weight.warning is "65536": want a whole number from 0 to 65535`},
		{[]string{"/address", "0.0.0.0"}, `metadata.annotations.k8s-registrar/address is "0.0.0.0": want an IP address, "node" for this node's, or nothing for the one that Consul has for the node`},
		{[]string{"/nodes", "role in (a)"}, `metadata.annotations.k8s-registrar/nodes is "role in (a)": "role in (a)" is no condition: want key=value, key!=value, key or !key, with a key of the node's meta in Consul`},
		{[]string{"/nodes", ""}, `metadata.annotations.k8s-registrar/nodes is "": "" is no condition: want key=value, key!=value, key or !key, with a key of the node's meta in Consul`},
		{[]string{"/check.type", "none"}, `metadata.annotations.k8s-registrar/check.type is "none": want tcp, http, https or grpc`},
		{[]string{"/check.port", "dns"}, `k8s-registrar/check.port: the port "dns" is UDP: only TCP can be checked`},
		{[]string{"/check.path", "/x"}, `k8s-registrar/check.path and check.host are for an HTTP check: set k8s-registrar/check.type to "http" or "https"`},
		{[]string{"/check.service", "x"}, `k8s-registrar/check.service is for a gRPC check: set k8s-registrar/check.type to "grpc"`},
		{[]string{"/check.type", "http", "/check.path", "x"}, `metadata.annotations.k8s-registrar/check.path is "x": want a path and perhaps a query, such as "/healthz", without blanks`},
		{[]string{"/check.type", "http", "/check.host", "x:80"}, `metadata.annotations.k8s-registrar/check.host is "x:80": want a host name, such as "cart.example.com", without a port`},
		{[]string{"/check.type", "grpc", "/check.service", "a/b"}, `metadata.annotations.k8s-registrar/check.service is "a/b": want the name of a gRPC service, such as "shop.v1.Cart"`},
		{[]string{"/check.interval", "10"}, `metadata.annotations.k8s-registrar/check.interval is "10": want a duration from 1s to 1h0m0s, such as "5s"`},
		{[]string{"/check.initial_status", "warning"}, `metadata.annotations.k8s-registrar/check.initial_status is "warning": want probe, passing or critical`},
		{[]string{"/ingore", "true"}, `metadata.annotations.k8s-registrar/ingore is not known: did you mean k8s-registrar/ignore?`},
		{[]string{"/check.intervall", "5s"}, `metadata.annotations.k8s-registrar/check.intervall is not known: did you mean k8s-registrar/check.interval?`},
	} {
		t.Run(strings.Join(tt.pairs, " "), func(t *testing.T) {
			tree, _ := readBy(t, kvschema.Rules{}, annotated(t, three, tt.pairs...))
			if len(tree.Services) != 0 || len(tree.Problems) != 1 {
				t.Fatalf("want one problem, got %+v", tree)
			}
			diff(t, tt.want, tree.Problems[0].Err.Error())
			checkText(t, tree.Problems[0].Err.Error())
		})
	}
}

func TestUnknownAnnotationIsAWarning(t *testing.T) {
	tree, _ := readBy(t, kvschema.Rules{}, annotated(t, three, "/affinity", "3", "k8s-registrar.io/x", "y"))
	if len(tree.Problems) != 0 || len(tree.Services) != 1 {
		t.Fatalf("want a service, got %+v", tree)
	}
	diff(t, []string{"metadata.annotations.k8s-registrar/affinity is not known, and passed over"}, tree.Services[0].Warnings)
}

// TestOptingOutIsADeletion, and so is another type: both take what is registered away, in
// silence. In doubt only a clear no is one.
func TestOptingOutIsADeletion(t *testing.T) {
	for _, tt := range []struct {
		what  string
		rules kvschema.Rules
		pairs []string
		want  string
	}{
		{"ignored", kvschema.Rules{}, []string{"/ignore", "true"}, "nothing"},
		{"not announced", kvschema.Rules{}, []string{"/announce", "false"}, "nothing"},
		{"ignored, whatever else is wrong", kvschema.Rules{}, []string{"/ignore", "true", "/weight", "x"}, "nothing"},
		{"ignored by a slip", kvschema.Rules{}, []string{"/ingore", "true"}, "problem"},
		{"not asked for", kvschema.Rules{OptIn: true}, nil, "nothing"},
		{"not asked for, by ignore", kvschema.Rules{OptIn: true}, []string{"/ignore", "false"}, "nothing"},
		{"asked for", kvschema.Rules{OptIn: true}, []string{"/announce", "true"}, "service"},
		{"asked for by a slip", kvschema.Rules{OptIn: true}, []string{"/anounce", "true"}, "problem"},
		{"another namespace", kvschema.Rules{Namespaces: []string{"team-*"}}, nil, "nothing"},
		{"another namespace, whatever is wrong", kvschema.Rules{Namespaces: []string{"team-*"}}, []string{"/weight", "x"}, "nothing"},
		{"this namespace", kvschema.Rules{Namespaces: []string{"team-*", "sho?"}}, nil, "service"},
		{"but not this one", kvschema.Rules{Namespaces: []string{"*"}, ExceptNamespaces: []string{"shop"}}, nil, "nothing"},
	} {
		t.Run(tt.what, func(t *testing.T) {
			tree, claims := readBy(t, tt.rules, annotated(t, three, tt.pairs...))
			got := "nothing"
			switch {
			case len(tree.Problems) > 0:
				got = "problem"
			case len(tree.Services) > 0:
				got = "service"
			}
			diff(t, tt.want, got)
			if got == "nothing" && len(claims) > 0 {
				t.Errorf("it claims %v", claims)
			}
		})
	}
}

// TestClaims are what a value claims, however little of it can be read.
func TestClaims(t *testing.T) {
	all := kvschema.Rules{Ports: "all", Name: "{namespace}-{name}"}
	for _, tt := range []struct {
		what, value string
		rules       kvschema.Rules
		want        string
	}{
		{"not JSON", "{", kvschema.Rules{}, "cart"},
		{"not JSON, by template", "{", all, "shop-cart"},
		{"one port", annotated(t, three), kvschema.Rules{}, "cart"},
		{"all ports, by template", annotated(t, three), all, "shop-cart shop-cart-metrics shop-cart-dns"},
		{"by annotation", annotated(t, three, "/name", "basket"), all, "basket basket-metrics basket-dns"},
		{"a bad annotation", annotated(t, three, "/name", "basket", "/check.path", "x", "/ports", "metrics"), kvschema.Rules{}, "basket basket-metrics"},
		{"a bad tag", annotated(t, three, "/name", "basket", "tags", "a\nb"), all, "basket basket-metrics basket-dns"},
		{"a bad port", strings.Replace(annotated(t, three, "/name", "basket"), "30080", "70000", 1), all, "basket"},
		{"no spec", `{"metadata": {"name": "cart", "annotations": {"k8s-registrar/name": "basket"}}}`, all, "basket"},
		{"of another key", `{"metadata": {"name": "x", "annotations": {"k8s-registrar/name": "basket"}}}`, all, "shop-cart"},
		{"a bad name", annotated(t, three, "/name", "Basket"), kvschema.Rules{}, "cart"},
	} {
		t.Run(tt.what, func(t *testing.T) {
			_, claims := readBy(t, tt.rules, tt.value)
			var got []string
			for _, c := range claims {
				diff(t, "name", c.Kind)
				got = append(got, c.Name)
			}
			diff(t, tt.want, strings.Join(got, " "))
		})
	}
}

func TestSelector(t *testing.T) {
	node := map[string]string{"role": "edge", "zone": "a", "empty": ""}
	for text, want := range map[string]bool{
		"role=edge": true, "role=core": false, "role!=core": true, "role!=edge": false, "rack=1": false, "rack!=1": true,
		"role": true, "rack": false, "!rack": true, "!role": false, "empty": true, "empty=": true, "empty!=": false, "rack=": false,
		"role=edge,zone=a": true, "role=edge,zone=b": false,
	} {
		tree, _ := readBy(t, kvschema.Rules{}, annotated(t, three, "/nodes", text))
		if len(tree.Services) != 1 {
			t.Fatalf("%s: %+v", text, tree.Problems)
		}
		if got := tree.Services[0].Nodes.Matches(node); got != want {
			t.Errorf("%s: %v", text, got)
		}
		if got := tree.Services[0].Nodes.String(); got != text {
			t.Errorf("%s is written %s", text, got)
		}
	}
}

// TestStaticTagsAndMeta come from the configuration; an annotation wins over meta.
func TestStaticTagsAndMeta(t *testing.T) {
	rules := kvschema.Rules{
		Tags: []string{"z", "traefik.enable=true"}, Meta: map[string]string{"team": "all", "dc": "x"},
		Weight: 7, Address: "node", DualStack: true,
	}
	tree, _ := readBy(t, rules, annotated(t, three, "tags", "a", "/meta.team", "shop"))
	want := kvschema.Service{
		Ref:   kvschema.Ref{Key: cartKey, Namespace: "shop", Name: "cart"},
		Ports: []kvschema.Port{{Name: "http", Protocol: "TCP", Port: 80, NodePort: 30080}},
		Tags:  []string{"a", "z"}, Traefik: []string{"traefik.enable=true"},
		Meta:    map[string]string{"team": "shop", "dc": "x"},
		Weights: kvschema.Weights{Passing: 7, Warning: 1}, Address: "node", DualStack: true,
	}
	diff(t, []*kvschema.Service{&want}, tree.Services)
	if len(rules.Meta) != 2 || rules.Meta["team"] != "all" {
		t.Errorf("the configuration was changed: %v", rules.Meta)
	}
}

func TestMetaIsBounded(t *testing.T) {
	for n, want := range map[int]int{kvschema.MaxMeta: 0, kvschema.MaxMeta + 1: 1} {
		pairs := []string{"/meta.static", "mine"}
		for i := range n - 1 {
			pairs = append(pairs, fmt.Sprintf("/meta.k%d", i), "v")
		}
		tree, _ := readBy(t, kvschema.Rules{Meta: map[string]string{"static": "theirs"}}, annotated(t, three, pairs...))
		if len(tree.Problems) != want {
			t.Errorf("%d keys: %+v", n, tree.Problems)
		}
	}
}

// TestFurtherPortWithALongNameIsLeftOut: it harms itself and not the Service.
func TestFurtherPortWithALongNameIsLeftOut(t *testing.T) {
	name := strings.Repeat("c", 56)
	value := annotated(t, three, "/name", name, "tags", "a")
	tree, _ := readBy(t, kvschema.Rules{Ports: "all"}, value)
	if len(tree.Services) != 1 || len(tree.Services[0].Ports) != 2 || tree.Services[0].Ports[1].Name != "dns" {
		t.Fatalf("got %+v", tree)
	}
	diff(t, []string{`the port "metrics" is not announced: the name in Consul has 64 characters: a DNS label has at most 63`}, tree.Services[0].Warnings)

	tree, _ = readBy(t, kvschema.Rules{Name: strings.Repeat("x", 60) + "-{name}"}, annotated(t, three))
	if len(tree.Problems) != 1 || tree.Problems[0].Err.Error() != "the name in Consul has 65 characters: a DNS label has at most 63" {
		t.Errorf("got %+v", tree)
	}
}

// TestNoTwoPortsOneLabel, since the label is part of the ID.
func TestNoTwoPortsOneLabel(t *testing.T) {
	const twins = `{"metadata": {"name": "cart", "annotations": %s}, "spec": {"type": "NodePort", "ports": [
		{"port": 53, "nodePort": 30053}, {"port": 53, "protocol": "UDP", "nodePort": 30054}]}}`
	tree, _ := readBy(t, kvschema.Rules{}, annotated(t, twins))
	if len(tree.Services) != 1 {
		t.Errorf("one of them: %+v", tree)
	}
	tree, _ = readBy(t, kvschema.Rules{Ports: "all"}, annotated(t, twins))
	if len(tree.Problems) != 1 {
		t.Fatalf("both: %+v", tree)
	}
	diff(t, `spec.ports[0] and spec.ports[1] are both called "53": give each port a name of its own`, tree.Problems[0].Err.Error())
}

// TestTypes has the Services that have ports on the nodes, and those that have none.
func TestTypes(t *testing.T) {
	both := kvschema.Rules{Types: []string{"NodePort", "LoadBalancer", "ExternalName"}}
	for _, tt := range []struct {
		what, spec string
		rules      kvschema.Rules
		want       *kvschema.Check
		announced  bool
	}{
		{"NodePort", `{"type": "NodePort", "ports": [{"nodePort": 30080}]}`, both, nil, true},
		{"LoadBalancer", `{"type": "LoadBalancer", "ports": [{"nodePort": 30080}]}`, both, nil, true},
		{"LoadBalancer alone", `{"type": "NodePort", "ports": [{"nodePort": 30080}]}`, kvschema.Rules{Types: []string{"LoadBalancer"}}, nil, false},
		{"LoadBalancer without ports on the nodes", `{"type": "LoadBalancer", "allocateLoadBalancerNodePorts": false, "ports": [{"port": 80}]}`, both, nil, false},
		{"LoadBalancer, Local", `{"type": "LoadBalancer", "externalTrafficPolicy": "Local", "healthCheckNodePort": 31000, "ports": [{"nodePort": 30080}]}`, both,
			&kvschema.Check{Kind: "http", Port: 31000, Path: "/healthz"}, true},
		{"LoadBalancer, Cluster", `{"type": "LoadBalancer", "externalTrafficPolicy": "Cluster", "healthCheckNodePort": 31000, "ports": [{"nodePort": 30080}]}`, both, nil, true},
		{"LoadBalancer, Local without such a port", `{"type": "LoadBalancer", "externalTrafficPolicy": "Local", "ports": [{"nodePort": 30080}]}`, both, nil, true},
		{"NodePort, Local", `{"type": "NodePort", "externalTrafficPolicy": "Local", "healthCheckNodePort": 31000, "ports": [{"nodePort": 30080}]}`, both, nil, true},
		{"ClusterIP", `{"type": "ClusterIP", "ports": [{"port": 80}]}`, both, nil, false},
		{"ExternalName", `{"type": "ExternalName", "externalName": "x.example.com", "ports": [{"nodePort": 30080}]}`, both, nil, false},
		{"headless", `{"type": "NodePort", "clusterIP": "None", "ports": [{"nodePort": 30080}]}`, both, nil, false},
	} {
		t.Run(tt.what, func(t *testing.T) {
			tree, _ := readBy(t, tt.rules, withSpec(tt.spec))
			if len(tree.Problems) != 0 || len(tree.Services) == 1 != tt.announced {
				t.Fatalf("announced is to be %v, got %+v", tt.announced, tree)
			}
			for _, s := range tree.Services {
				diff(t, tt.want, s.Check)
			}
		})
	}
}

// TestLocalServicesAreNotSpread: the nodes that serve them are not ours to choose.
func TestLocalServicesAreNotSpread(t *testing.T) {
	for _, tt := range []struct {
		policy, spread string
		copies         int // -1 for as configured
		warns          bool
	}{
		{"Cluster", "2", 2, false},
		{"Cluster", "", -1, false},
		{"Local", "", 0, false},
		{"Local", "all", 0, false},
		{"Local", "2", 0, true},
	} {
		value := strings.Replace(three, `"type"`, `"externalTrafficPolicy": "`+tt.policy+`", "type"`, 1)
		var pairs []string
		if tt.spread != "" {
			pairs = []string{"/spread", tt.spread}
		}
		tree, _ := readBy(t, kvschema.Rules{}, annotated(t, value, pairs...))
		s := tree.Services[0]
		got := -1
		if s.Copies != nil {
			got = *s.Copies
		}
		if got != tt.copies || len(s.Warnings) > 0 != tt.warns {
			t.Errorf("%s with %q: %d copies, warnings %q; want %d and %v", tt.policy, tt.spread, got, s.Warnings, tt.copies, tt.warns)
		}
	}
}

// TestZeroRulesAreTheDefault: a value means the same under rules that say nothing and
// under those of the default configuration.
func TestZeroRulesAreTheDefault(t *testing.T) {
	defaults := kvschema.Rules{Types: []string{"NodePort"}, Ports: "first", Name: "{name}", Weight: 1}
	for path, archive := range goldens(t) {
		keyPath, pairs, _ := unpack(archive)
		read := func(rules kvschema.Rules) kvschema.Tree {
			reader := kvschema.NewReader(kvschema.Prefix(keyPath), rules)
			var readings []*kvschema.Reading
			for _, pair := range pairs {
				if reading, ours := reader.Read(pair, nil); ours {
					readings = append(readings, reading)
				}
			}
			return kvschema.Compose(readings)
		}
		if d := cmp.Diff(words(read(kvschema.Rules{})), words(read(defaults))); d != "" {
			t.Errorf("%s (-zero +default):\n%s", path, d)
		}
	}
}
