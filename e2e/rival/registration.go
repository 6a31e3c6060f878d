package rival

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/consul/api"
)

// carried returns what to register for a value.
func carried(pair *api.KVPair, check string) (*api.AgentServiceRegistration, error) {
	var value struct {
		Metadata struct {
			Name, Namespace string
			Annotations     map[string]string
		}
		Spec struct {
			Ports []struct{ NodePort int }
		}
	}
	if err := json.Unmarshal(pair.Value, &value); err != nil {
		return nil, fmt.Errorf("read %s: %w", pair.Key, err)
	}
	tags := strings.Split(value.Metadata.Annotations["tags"], ",")
	for key, text := range value.Metadata.Annotations {
		if strings.HasPrefix(key, "traefik.") {
			tags = append(tags, key+"="+text)
		}
	}
	slices.Sort(tags)
	return Registration(value.Metadata.Namespace, value.Metadata.Name, value.Spec.Ports[0].NodePort, tags, check), nil
}

// Registration returns the payload that the floor registers with, whose check dials
// host:port. It is as large as one of ours: what Consul makes of it should cost alike.
func Registration(namespace, name string, port int, tags []string, check string) *api.AgentServiceRegistration {
	id := "k8s-registrar-floor." + namespace + "." + name + ".http"
	return &api.AgentServiceRegistration{
		ID: id, Name: name, Port: port, Tags: tags,
		Meta: map[string]string{
			"external-source": "kubernetes", "external-k8s-ns": namespace, "external-k8s-ref-kind": "Service",
			"external-k8s-ref-name": name, "managed-by": "k8s-registrar", "k8s-registrar-instance": "floor",
			"k8s-registrar-fingerprint": "0123456789abcdef0123456789abcdef",
			"k8s-registrar-created":     "12345", "k8s-registrar-key": "kubernetes/deployments/" + namespace + "/" + name,
		},
		Checks: api.AgentServiceChecks{{
			CheckID: "service:" + id, Name: "NodePort of " + name, TCP: check, Interval: "10s", Timeout: "2s",
			FailuresBeforeCritical: 2, Status: api.HealthPassing,
		}},
	}
}
