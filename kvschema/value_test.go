package kvschema_test

import (
	"strings"
	"testing"

	"github.com/k8s-registrar/k8s-registrar/kvschema"
)

// withPort and withSpec return values of the key cartKey.
func withPort(port string) string {
	return withSpec(`{"type": "NodePort", "ports": [` + port + `]}`)
}

func withSpec(spec string) string {
	return `{"metadata": {"name": "cart"}, "spec": ` + spec + `}`
}

func TestPortIsRead(t *testing.T) {
	for _, tt := range []struct {
		name, value string
		want        kvschema.Port
	}{
		{"all of it", withPort(`{"name": "http", "protocol": "TCP", "port": 80, "targetPort": 8080, "nodePort": 30080}`),
			kvschema.Port{Name: "http", Protocol: "TCP", Port: 80, NodePort: 30080}},
		{"only what is needed", withPort(`{"nodePort": 30080}`), kvschema.Port{Protocol: "TCP", NodePort: 30080}},
		{"named targetPort", withPort(`{"port": 80, "targetPort": "http-alt", "nodePort": 30080}`),
			kvschema.Port{Protocol: "TCP", Port: 80, NodePort: 30080}},
		{"targetPort that Kubernetes would refuse", withPort(`{"targetPort": -1, "nodePort": 30080}`),
			kvschema.Port{Protocol: "TCP", NodePort: 30080}},
		{"fields that are null", withPort(`{"name": null, "protocol": null, "port": null, "targetPort": null, "nodePort": 30080}`),
			kvschema.Port{Protocol: "TCP", NodePort: 30080}},
		{"empty name", withPort(`{"name": "", "nodePort": 30080}`), kvschema.Port{Protocol: "TCP", NodePort: 30080}},
		{"UDP", withPort(`{"name": "dns", "protocol": "UDP", "port": 53, "nodePort": 30053}`),
			kvschema.Port{Name: "dns", Protocol: "UDP", Port: 53, NodePort: 30053}},
		{"SCTP", withPort(`{"protocol": "SCTP", "nodePort": 30053}`), kvschema.Port{Protocol: "SCTP", NodePort: 30053}},
		{"first of several", withPort(`{"name": "https", "nodePort": 30443}, {"name": "http", "nodePort": 30080}`),
			kvschema.Port{Name: "https", Protocol: "TCP", NodePort: 30443}},
		{"first of several, whatever the others are", withPort(`{"nodePort": 30443}, {"nodePort": 0}, null, "x"`),
			kvschema.Port{Protocol: "TCP", NodePort: 30443}},
		{"smallest", withPort(`{"port": 1, "nodePort": 1}`), kvschema.Port{Protocol: "TCP", Port: 1, NodePort: 1}},
		{"largest", withPort(`{"port": 65535, "nodePort": 65535}`), kvschema.Port{Protocol: "TCP", Port: 65535, NodePort: 65535}},
		{"name of 63 characters", withPort(`{"name": "` + strings.Repeat("a", 63) + `", "nodePort": 30080}`),
			kvschema.Port{Name: strings.Repeat("a", 63), Protocol: "TCP", NodePort: 30080}},
		{"unknown fields", withPort(`{"appProtocol": "kubernetes.io/h2c", "x": {"nodePort": 1}, "nodePort": 30080}`),
			kvschema.Port{Protocol: "TCP", NodePort: 30080}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			services, problem := readCart(t, tt.value)
			if problem != "" || len(services) != 1 {
				t.Fatalf("want a service, got %q", problem)
			}
			diff(t, []kvschema.Port{tt.want}, services[0].Ports)
		})
	}
}

func TestWhatIsNotReadIsNoMatter(t *testing.T) {
	deep := strings.Repeat(`{"a": [`, 400) + strings.Repeat(`]}`, 400)
	for _, tt := range []struct{ name, value string }{
		{"least", good},
		{"kind and namespace", `{"kind": "Service", "apiVersion": "v1", ` + withMetadata(`, "namespace": "shop"`)[1:]},
		{"kind and namespace that are null", `{"kind": null, ` + withMetadata(`, "namespace": null`)[1:]},
		{"another apiVersion", `{"apiVersion": "v2", ` + good[1:]},
		{"creationTimestamp that is null", withMetadata(`, "creationTimestamp": null, "deletionTimestamp": null`)},
		{"creationTimestamp", withMetadata(`, "creationTimestamp": "2026-03-01T10:00:00Z"`)},
		{"labels of any shape", withMetadata(`, "labels": [1, {"app": null}]`)},
		{"unknown fields", `{"status": {"loadBalancer": {}}, "x-future": [1, "2", null, {"spec": {}}], ` + good[1:]},
		{"unknown field, deep", `{"x": ` + deep + `, ` + good[1:]},
		{"unknown field, a number beyond any type", `{"x": 1e999999, ` + good[1:]},
		{"empty field name", `{"": "", ` + good[1:]},
		{"other fields in another case", `{"Spec": {}, "METADATA": 1, "Kind": "Pod", ` + good[1:]},
		{"a field twice: the last counts", `{"spec": {"type": "ClusterIP"}, ` + good[1:]},
		{"escapes in field names", strings.Replace(good, "spec", `sp\u0065c`, 1)},
		{"no white space", strings.ReplaceAll(good, " ", "")},
		{"the blanks that Python 2 leaves at line ends", strings.ReplaceAll(good, ", ", ", \n    ")},
		{"Windows line ends", strings.ReplaceAll(good, ", ", ",\r\n\t")},
		{"white space around", "\n " + good + " \n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			services, problem := readCart(t, tt.value)
			if problem != "" {
				t.Fatalf("want a service, got %q", problem)
			}
			diff(t, []kvschema.Service{{
				Ref:   kvschema.Ref{Key: cartKey, Namespace: "shop", Name: "cart"},
				Ports: []kvschema.Port{{Protocol: "TCP", NodePort: 30080}},
			}}, services)
		})
	}
}

func TestOnlyNodePortIsAnnounced(t *testing.T) {
	for _, tt := range []struct{ name, spec string }{
		{"ClusterIP", `{"type": "ClusterIP", "clusterIP": "10.3.0.7", "ports": [{"port": 80, "targetPort": 8080}]}`},
		{"headless", `{"type": "ClusterIP", "clusterIP": "None", "ports": [{"port": 80}]}`},
		{"headless without ports", `{"type": "ClusterIP", "clusterIP": "None"}`},
		{"LoadBalancer, though it has a nodePort", `{"type": "LoadBalancer", "ports": [{"port": 80, "nodePort": 30080}]}`},
		{"ExternalName", `{"type": "ExternalName", "externalName": "cart.example.com"}`},
		{"a type to come", `{"type": "Gateway", "ports": [{"nodePort": 30080}]}`},
		{"another case", `{"type": "nodeport", "ports": [{"nodePort": 30080}]}`},
		{"empty type", `{"type": ""}`},
		{"ports that could not be read", `{"type": "ClusterIP", "ports": "none"}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			diff(t, kvschema.Tree{}, read(kvschema.Pair{Key: cartKey, Value: []byte(withSpec(tt.spec))}))
		})
	}
}

// Each bad value has a good neighbour on either side, which it must not hide.
func TestBadValueSaysWhatIsWrongAndHidesNoOther(t *testing.T) {
	const before, after = "kubernetes/deployments/shop/a", "kubernetes/deployments/shop/z"
	for _, tt := range []struct{ name, value, want string }{
		{"empty", "", `the value is empty: want a Kubernetes Service in JSON, or no key at all`},
		{"blank", " \n", `the value is not JSON: unexpected end of JSON input`},
		{"not JSON", "not json", `the value is not JSON: invalid character 'o' in literal null (expecting 'u')`},
		{"YAML", "kind: Service\n", `the value is not JSON: invalid character 'k' looking for beginning of value`},
		{"truncated", good[:40], `the value is not JSON: unexpected end of JSON input`},
		{"all but the last byte", good[:len(good)-1], `the value is not JSON: unexpected end of JSON input`},
		{"two values", good + good, `the value is not JSON: invalid character '{' after top-level value`},
		{"comma at the end", good[:len(good)-1] + ",}", `the value is not JSON: invalid character '}' looking for beginning of object key string`},
		{"single quotes", strings.ReplaceAll(good, `"`, `'`), `the value is not JSON: invalid character '\'' looking for beginning of object key string`},
		{"byte order mark", "\ufeff" + good, `the value is not JSON: invalid character 'ï' looking for beginning of value`},
		{"line end in a string", strings.Replace(good, "cart", "ca\nrt", 1), `the value is not JSON: invalid character '\n' in string literal`},
		{"not UTF-8", strings.Replace(good, "cart", "\xff", 1), `the value is not valid UTF-8`},
		{"UTF-16", "\xff\xfe{\x00}\x00", `the value is not valid UTF-8`},
		{"512 KiB", good + strings.Repeat(" ", 512<<10-len(good)), `the value has 524288 bytes: at most 262144 are read`},
		{"one byte too many", good + strings.Repeat(" ", 256<<10+1-len(good)), `the value has 262145 bytes: at most 262144 are read`},
		{"deeper than any JSON", strings.Repeat("[", 20000), `the value is not JSON: invalid character '[' exceeded max depth`},
		{"deep in an unknown field", `{"x": ` + strings.Repeat("[", 20000) + strings.Repeat("]", 20000) + `, ` + good[1:],
			`the value is not JSON: invalid character '[' exceeded max depth`},

		{"array", `[` + good + `]`, `the value is "[{\"metadata\": {\"name\": \"cart\"}, \"spec\": {\"type\": \"NodePort\", \"po...": want an object`},
		{"long string, cut between two characters", `"` + strings.Repeat("ä", 40) + `"`, `the value is "\"` + strings.Repeat("ä", 31) + `...": want an object`},
		{"string", `"x"`, `the value is "\"x\"": want an object`},
		{"number", `1`, `the value is "1": want an object`},
		{"true", `true`, `the value is "true": want an object`},
		{"null", `null`, `the value is null: want an object`},
		{"no field", `{}`, `metadata is missing`},
		{"fields in another case", `{"Metadata": {"name": "cart"}, "Spec": {}}`, `metadata is missing`},

		{"metadata null", `{"metadata": null}`, `metadata is missing`},
		{"metadata array", `{"metadata": []}`, `metadata is "[]": want an object`},
		{"metadata string", `{"metadata": "cart"}`, `metadata is "\"cart\"": want an object`},
		{"metadata number", `{"metadata": 1}`, `metadata is "1": want an object`},
		{"name missing", `{"metadata": {}}`, `metadata.name is missing`},
		{"name null", `{"metadata": {"name": null}}`, `metadata.name is missing`},
		{"name number", `{"metadata": {"name": 7}}`, `metadata.name is "7": want a string`},
		{"name array", `{"metadata": {"name": ["cart"]}}`, `metadata.name is "[\"cart\"]": want a string`},
		{"name in another case", `{"metadata": {"Name": "cart"}}`, `metadata.name is missing`},
		{"name of another key", `{"metadata": {"name": "till"}}`, `metadata.name is "till" but the key says "cart": store it under its own key`},
		{"name in capitals", `{"metadata": {"name": "Cart"}}`, `metadata.name is "Cart" but the key says "cart": store it under its own key`},
		{"name empty", `{"metadata": {"name": ""}}`, `metadata.name is "" but the key says "cart": store it under its own key`},
		{"namespace number", withMetadata(`, "namespace": 7`), `metadata.namespace is "7": want a string`},
		{"namespace of another key", withMetadata(`, "namespace": "default"`),
			`metadata.namespace is "default" but the key says "shop": store it under its own key`},
		{"namespace empty", withMetadata(`, "namespace": ""`), `metadata.namespace is "" but the key says "shop": store it under its own key`},
		{"kind Pod", `{"kind": "Pod", ` + good[1:], `kind is "Pod": want a Service`},
		{"kind of a list", `{"kind": "ServiceList", ` + good[1:], `kind is "ServiceList": want a Service`},
		{"kind empty", `{"kind": "", ` + good[1:], `kind is "": want a Service`},
		{"kind number", `{"kind": 1, ` + good[1:], `kind is "1": want a string`},

		{"spec missing", `{"metadata": {"name": "cart"}}`, `spec is missing`},
		{"spec null", withSpec(`null`), `spec is missing`},
		{"spec array", withSpec(`[]`), `spec is "[]": want an object`},
		{"spec string", withSpec(`"NodePort"`), `spec is "\"NodePort\"": want an object`},
		{"spec in another case", strings.Replace(good, "spec", "Spec", 1), `spec is missing`},
		{"type missing", withSpec(`{}`), `spec.type is missing`},
		{"type null", withSpec(`{"type": null}`), `spec.type is missing`},
		{"type number", withSpec(`{"type": 1}`), `spec.type is "1": want a string`},
		{"type in another case", strings.Replace(good, "type", "Type", 1), `spec.type is missing`},
		{"ports missing", withSpec(`{"type": "NodePort"}`), `spec.ports is missing`},
		{"ports null", withSpec(`{"type": "NodePort", "ports": null}`), `spec.ports is missing`},
		{"ports empty", withPort(``), `spec.ports is empty: a NodePort Service has at least one port`},
		{"ports object", withSpec(`{"type": "NodePort", "ports": {"nodePort": 30080}}`), `spec.ports is "{\"nodePort\": 30080}": want a list`},
		{"ports string", withSpec(`{"type": "NodePort", "ports": "30080"}`), `spec.ports is "\"30080\"": want a list`},
		{"ports number", withSpec(`{"type": "NodePort", "ports": 30080}`), `spec.ports is "30080": want a list`},
		{"port null", withPort(`null`), `spec.ports[0] is null: want an object`},
		{"port null before a good one", withPort(`null, {"nodePort": 30080}`), `spec.ports[0] is null: want an object`},
		{"port number", withPort(`30080`), `spec.ports[0] is "30080": want an object`},
		{"port string", withPort(`"30080"`), `spec.ports[0] is "\"30080\"": want an object`},
		{"port array", withPort(`[]`), `spec.ports[0] is "[]": want an object`},

		{"nodePort missing", withPort(`{"port": 80}`), `spec.ports[0].nodePort is missing`},
		{"nodePort null", withPort(`{"nodePort": null}`), `spec.ports[0].nodePort is missing`},
		{"nodePort in another case", withPort(`{"NodePort": 30080, "nodeport": 30080}`), `spec.ports[0].nodePort is missing`},
		{"nodePort 0", withPort(`{"nodePort": 0}`), `spec.ports[0].nodePort is 0: want a port from 1 to 65535`},
		{"nodePort -1", withPort(`{"nodePort": -1}`), `spec.ports[0].nodePort is -1: want a port from 1 to 65535`},
		{"nodePort 65536", withPort(`{"nodePort": 65536}`), `spec.ports[0].nodePort is 65536: want a port from 1 to 65535`},
		{"nodePort 70000", withPort(`{"nodePort": 70000}`), `spec.ports[0].nodePort is 70000: want a port from 1 to 65535`},
		{"nodePort that is right modulo 65536", withPort(`{"nodePort": 95616}`), `spec.ports[0].nodePort is 95616: want a port from 1 to 65535`},
		{"nodePort beyond 64 bits", withPort(`{"nodePort": 18446744073709581696}`), `spec.ports[0].nodePort is "18446744073709581696": want a whole number`},
		{"nodePort float", withPort(`{"nodePort": 30080.5}`), `spec.ports[0].nodePort is "30080.5": want a whole number`},
		{"nodePort float that is whole", withPort(`{"nodePort": 30080.0}`), `spec.ports[0].nodePort is "30080.0": want a whole number`},
		{"nodePort with an exponent", withPort(`{"nodePort": 3e4}`), `spec.ports[0].nodePort is "3e4": want a whole number`},
		{"nodePort string", withPort(`{"nodePort": "30080"}`), `spec.ports[0].nodePort is "\"30080\"": want a whole number`},
		{"nodePort true", withPort(`{"nodePort": true}`), `spec.ports[0].nodePort is "true": want a whole number`},
		{"nodePort array", withPort(`{"nodePort": [30080]}`), `spec.ports[0].nodePort is "[30080]": want a whole number`},
		{"nodePort with a leading zero", withPort(`{"nodePort": 030080}`), `the value is not JSON: invalid character '3' after object key:value pair`},
		{"port 0", withPort(`{"port": 0, "nodePort": 30080}`), `spec.ports[0].port is 0: want a port from 1 to 65535`},
		{"port 70000", withPort(`{"port": 70000, "nodePort": 30080}`), `spec.ports[0].port is 70000: want a port from 1 to 65535`},
		{"port by name", withPort(`{"port": "http", "nodePort": 30080}`), `spec.ports[0].port is "\"http\"": want a whole number`},
		{"protocol unknown", withPort(`{"protocol": "HTTP", "nodePort": 30080}`), `spec.ports[0].protocol is "HTTP": want TCP, UDP or SCTP`},
		{"protocol in another case", withPort(`{"protocol": "tcp", "nodePort": 30080}`), `spec.ports[0].protocol is "tcp": want TCP, UDP or SCTP`},
		{"protocol empty", withPort(`{"protocol": "", "nodePort": 30080}`), `spec.ports[0].protocol is "": want TCP, UDP or SCTP`},
		{"protocol number", withPort(`{"protocol": 6, "nodePort": 30080}`), `spec.ports[0].protocol is "6": want a string`},
		{"port name in capitals", withPort(`{"name": "HTTP", "nodePort": 30080}`), `the port name "HTTP" is not a DNS label: use a-z, 0-9 and, inside, -`},
		{"port name of 64 characters", withPort(`{"name": "` + strings.Repeat("a", 64) + `", "nodePort": 30080}`),
			`the port name has 64 characters: a DNS label has at most 63`},
		{"port name number", withPort(`{"name": 80, "nodePort": 30080}`), `spec.ports[0].name is "80": want a string`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := words(read(
				kvschema.Pair{Key: before, Value: []byte(strings.Replace(good, "cart", "a", 1))},
				kvschema.Pair{Key: cartKey, Value: []byte(tt.value)},
				kvschema.Pair{Key: after, Value: []byte(strings.Replace(good, "cart", "z", 1))},
			))
			ports := []kvschema.Port{{Protocol: "TCP", NodePort: 30080}}
			diff(t, tree{
				Services: []kvschema.Service{
					{Ref: kvschema.Ref{Key: before, Namespace: "shop", Name: "a"}, Ports: ports},
					{Ref: kvschema.Ref{Key: after, Namespace: "shop", Name: "z"}, Ports: ports},
				},
				Problems: []string{"read " + cartKey + ": " + tt.want},
			}, got)
		})
	}
}

func TestLargestValueIsRead(t *testing.T) {
	services, problem := readCart(t, good+strings.Repeat(" ", kvschema.MaxValueBytes-len(good)))
	if problem != "" || len(services) != 1 {
		t.Errorf("want a service, got %q", problem)
	}
}
