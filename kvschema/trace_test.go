package kvschema_test

import (
	"testing"

	"github.com/k8s-registrar/k8s-registrar/kvschema"
	"github.com/k8s-registrar/k8s-registrar/kvschema/traefik"
)

// TestTraceSaysWhyNothingIsAnnounced wherever nothing is wrong and nothing is announced.
func TestTraceSaysWhyNothingIsAnnounced(t *testing.T) {
	both := []string{"NodePort", "LoadBalancer", "ClusterIP", "ExternalName"}
	for _, tt := range []struct {
		what, value string
		rules       kvschema.Rules
		want        string
	}{
		{"announced", good, kvschema.Rules{}, ""},
		{"a problem", withSpec(`7`), kvschema.Rules{}, ""},
		{"type", withSpec(`{"type": "ClusterIP"}`), kvschema.Rules{}, `its type is "ClusterIP": services.types announces NodePort`},
		{"type, as configured", withSpec(`{"type": "ClusterIP"}`), kvschema.Rules{Types: both[:2]}, `its type is "ClusterIP": services.types announces NodePort, LoadBalancer`},
		{"outside", withSpec(`{"type": "ExternalName"}`), kvschema.Rules{Types: both}, `its type is ExternalName, which has no port on any node`},
		{"headless", withSpec(`{"type": "ClusterIP", "clusterIP": "None"}`), kvschema.Rules{Types: both}, `it is headless, and has no port on any node`},
		{"no ports on nodes", withSpec(`{"type": "LoadBalancer", "ports": [{"port": 80}]}`), kvschema.Rules{Types: both}, `its port is on no node`},
		{"namespace", good, kvschema.Rules{Namespaces: []string{"till"}}, `services.namespaces and services.except_namespaces leave out the namespace "shop"`},
		{"to be ignored", withAnnotations(`{"k8s-registrar/ignore": "true"}`), kvschema.Rules{}, `k8s-registrar/ignore says so`},
		{"not to announce", withAnnotations(`{"k8s-registrar/announce": "false"}`), kvschema.Rules{}, `k8s-registrar/announce says no`},
		{"not asked for", good, kvschema.Rules{OptIn: true}, `services.opt_in asks for k8s-registrar/announce: "true"`},
	} {
		t.Run(tt.what, func(t *testing.T) {
			reader := kvschema.NewReader(kvschema.Prefix("kubernetes"), tt.rules)
			pair := kvschema.Pair{Key: cartKey, Value: []byte(tt.value)}
			diff(t, tt.want, reader.Trace(pair).Nothing)
			reading, _ := reader.Read(pair, nil)
			if _, announced := reading.Service(); (tt.want != "") != (!announced && reading.Err() == nil) {
				t.Errorf("announced %v, problem %v", announced, reading.Err())
			}
		})
	}
}

// TestTraceSaysWhoAskedForATag; who asks for it first is told.
func TestTraceSaysWhoAskedForATag(t *testing.T) {
	reader := kvschema.NewReader(kvschema.Prefix("kubernetes"), kvschema.Rules{Tags: []string{"dc1", "red"}}).
		For(traefik.Site{Generation: traefik.Both})
	value := withAnnotations(`{"tags": "red,blue", "tags.more": "blue,green", "k8s-registrar/tags": "a,b", "traefik.frontend.rule": "Host:a", "traefik.tags": "x"}`)
	trace := reader.Trace(kvschema.Pair{Key: cartKey, Value: []byte(value)})
	diff(t, map[string]string{
		"dc1": "services.tags", "red": "services.tags", "blue": "tags", "green": "tags.more", "a,b": "k8s-registrar/tags",
		"traefik.frontend.rule=Host:a": "traefik.frontend.rule", "traefik.tags=x": "traefik.tags",
	}, trace.Origins)
}

// TestTraceWarnsOfTrafficThatStaysLocal: only a LoadBalancer has a port that tells whether
// there is a pod.
func TestTraceWarnsOfTrafficThatStaysLocal(t *testing.T) {
	reader := kvschema.NewReader(kvschema.Prefix("kubernetes"), kvschema.Rules{Types: []string{"NodePort", "LoadBalancer"}})
	for _, tt := range []struct {
		spec string
		want bool
	}{
		{`"type": "NodePort"`, false},
		{`"type": "NodePort", "externalTrafficPolicy": "Cluster"`, false},
		{`"type": "NodePort", "externalTrafficPolicy": "Local"`, true},
		{`"type": "LoadBalancer", "externalTrafficPolicy": "Local"`, true},
		{`"type": "LoadBalancer", "externalTrafficPolicy": "Local", "healthCheckNodePort": null`, true},
		{`"type": "LoadBalancer", "externalTrafficPolicy": "Local", "healthCheckNodePort": 30500`, false},
	} {
		value := withSpec(`{` + tt.spec + `, "ports": [{"port": 80, "nodePort": 30080}]}`)
		if note := reader.Trace(kvschema.Pair{Key: cartKey, Value: []byte(value)}).Note; (note != "") != tt.want {
			t.Errorf("%s: %q", tt.spec, note)
		}
	}
}
