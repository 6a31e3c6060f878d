package measure

import (
	"fmt"
	"strings"
)

// A Service is a NodePort Service in the tree, in one of its versions.
type Service struct {
	Namespace, Name string
	Port            int // the NodePort
	Version         int
}

// Tag returns the tag that only this version has.
func (s Service) Tag() string { return fmt.Sprintf("v%d", s.Version) }

// Tags returns the tags that the value asks for, sorted.
func (s Service) Tags() []string {
	return []string{
		"kubernetes", "traefik.enable=true", "traefik.frontend.rule=Host:" + s.host(), "traefik.tags=kubernetes", s.Tag(),
	}
}

// Key returns where the value lies below a key path.
func (s Service) Key(keyPath string) string {
	return keyPath + "/deployments/" + s.Namespace + "/" + s.Name
}

func (s Service) host() string { return s.Name + ".example.com" }

// Value returns the Service as k8s-deployer writes it: the answer of a current API
// server, indented by four spaces, about 2 KB.
func (s Service) Value() []byte {
	return []byte(strings.NewReplacer(
		"NAMESPACE", s.Namespace, "NAME", s.Name, "HOST", s.host(), "TAGS", "kubernetes,"+s.Tag(),
		"NODEPORT", fmt.Sprint(s.Port), "SERIAL", fmt.Sprintf("%012d", s.Port), "ADDRESS", s.clusterIP(),
	).Replace(value))
}

func (s Service) clusterIP() string { return fmt.Sprintf("10.96.%d.%d", s.Port>>8&255, s.Port&255) }

const value = `{
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {
        "annotations": {
            "tags": "TAGS",
            "traefik.enable": "true",
            "traefik.frontend.rule": "Host:HOST",
            "traefik.tags": "kubernetes"
        },
        "creationTimestamp": "2026-03-02T09:14:31Z",
        "labels": {
            "app.kubernetes.io/managed-by": "k8s-deployer",
            "app.kubernetes.io/name": "NAME"
        },
        "managedFields": [
            {
                "apiVersion": "v1",
                "fieldsType": "FieldsV1",
                "fieldsV1": {
                    "f:metadata": {
                        "f:annotations": {".": {}, "f:tags": {}, "f:traefik.enable": {}},
                        "f:labels": {".": {}, "f:app.kubernetes.io/name": {}}
                    },
                    "f:spec": {
                        "f:externalTrafficPolicy": {},
                        "f:ports": {".": {}, "k:{\"port\":80,\"protocol\":\"TCP\"}": {".": {}, "f:port": {}}},
                        "f:selector": {},
                        "f:type": {}
                    }
                },
                "manager": "k8s-deployer",
                "operation": "Update",
                "time": "2026-03-02T09:14:31Z"
            }
        ],
        "name": "NAME",
        "namespace": "NAMESPACE",
        "resourceVersion": "18277364",
        "uid": "6f1f0a4e-8f38-4c2c-9d2b-SERIAL"
    },
    "spec": {
        "clusterIP": "ADDRESS",
        "clusterIPs": ["ADDRESS"],
        "externalTrafficPolicy": "Cluster",
        "internalTrafficPolicy": "Cluster",
        "ipFamilies": ["IPv4"],
        "ipFamilyPolicy": "SingleStack",
        "ports": [
            {
                "name": "http",
                "nodePort": NODEPORT,
                "port": 80,
                "protocol": "TCP",
                "targetPort": "http"
            }
        ],
        "selector": {
            "app.kubernetes.io/name": "NAME"
        },
        "sessionAffinity": "None",
        "type": "NodePort"
    },
    "status": {
        "loadBalancer": {}
    }
}
`
