package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// tree is where k8s-deployer writes with its default key_path.
const tree = "kubernetes/deployments/"

// A service is a Kubernetes Service of type NodePort.
type service struct {
	namespace, name string
	annotations     map[string]string
	clusterIP       string
	nodePort        int
}

// echoserver carries the annotations of k8s-deployer's own example.
func echoserver() service {
	return service{namespace: "default", name: "echoserver", clusterIP: "10.3.0.21", annotations: map[string]string{
		"traefik.enable":               "true",
		"traefik.tags":                 "kubernetes",
		"traefik.frontend.rule":        "Host:echoserver.example.com,echo.example.com;Method:GET,POST",
		"traefik.frontend.entryPoints": "http,https",
		"traefik.backend.loadbalancer": "wrr",
		"traefik.backend.weight":       "10",
		"tags":                         "kubernetes,k8s,red",
	}}
}

func checkout() service {
	return service{namespace: "shop", name: "checkout", clusterIP: "10.3.0.78", annotations: map[string]string{
		"traefik.enable":        "true",
		"traefik.tags":          "kubernetes",
		"traefik.frontend.rule": "Host:shop.example.com;PathPrefix:/checkout",
		"tags":                  "kubernetes,shop",
	}}
}

func grafana() service {
	return service{namespace: "monitoring", name: "grafana", clusterIP: "10.3.0.145", annotations: map[string]string{
		"tags": "kubernetes,internal",
	}}
}

// key returns where the Service is in the tree.
func (s service) key() string { return tree + s.namespace + "/" + s.name }

// value returns what k8s-deployer stores: the object as the API server answered, in JSON
// with 4-space indents.
func (s service) value() ([]byte, error) {
	labels := map[string]string{"app": s.name}
	object := map[string]any{
		"apiVersion": "v1",
		"kind":       "Service",
		"metadata": map[string]any{
			"name":              s.name,
			"namespace":         s.namespace,
			"selfLink":          fmt.Sprintf("/api/v1/namespaces/%s/services/%s", s.namespace, s.name),
			"uid":               fmt.Sprintf("9a1c1267-b7ac-11e7-8f5e-42010a8e%04x", s.nodePort),
			"resourceVersion":   "4711",
			"creationTimestamp": "2017-10-23T09:14:31Z",
			"labels":            labels,
			"annotations":       s.annotations,
		},
		"spec": map[string]any{
			"type":                  "NodePort",
			"clusterIP":             s.clusterIP,
			"externalTrafficPolicy": "Cluster",
			"sessionAffinity":       "None",
			"selector":              labels,
			"ports": []map[string]any{
				{"name": "http", "protocol": "TCP", "port": 80, "targetPort": 8080, "nodePort": s.nodePort},
			},
		},
		"status": map[string]any{"loadBalancer": map[string]any{}},
	}
	value, err := json.MarshalIndent(object, "", "    ")
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", s.name, err)
	}
	return value, nil
}

// tags returns what its annotations should become.
func (s service) tags() []string {
	var tags []string
	for key, value := range s.annotations {
		if key == "tags" {
			tags = append(tags, strings.Split(value, ",")...)
		} else {
			tags = append(tags, key+"="+value)
		}
	}
	slices.Sort(tags)
	return tags
}

// withTags returns the same Service with another list of tags.
func (s service) withTags(list string) service {
	s.annotations = maps.Clone(s.annotations)
	s.annotations["tags"] = list
	return s
}
