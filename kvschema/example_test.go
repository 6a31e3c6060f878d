package kvschema_test

import (
	"fmt"

	"github.com/k8s-registrar/k8s-registrar/kvschema"
)

func ExamplePrefix() {
	fmt.Println(kvschema.Prefix("kubernetes"))
	fmt.Println(kvschema.Prefix("kubernetes/prod-eu/"))
	// Output:
	// kubernetes/deployments/
	// kubernetes/prod-eu/deployments/
}

// One key is one Service. What is not below the tree, or a folder, is passed over.
func ExampleReader() {
	value := []byte(`{
    "kind": "Service",
    "metadata": {"name": "cart", "namespace": "shop", "annotations": {
        "traefik.frontend.rule": "Host:a.example.com,b.example.com",
        "tags": "kubernetes, k8s,red"
    }},
    "spec": {"type": "NodePort", "ports": [{"name": "http", "port": 80, "nodePort": 30080}]}
}`)
	reader := kvschema.NewReader(kvschema.Prefix("kubernetes"), kvschema.Rules{})
	for _, pair := range []kvschema.Pair{
		{Key: "kubernetes/deployments/"},
		{Key: "kubernetes/deployments/shop/cart", Value: value},
		{Key: "kubernetes/deployments-old/shop/cart", Value: value},
		{Key: "kubernetes/specifications/shop/cart/latest", Value: value},
	} {
		reading, ours := reader.Read(pair, nil)
		if !ours {
			continue
		}
		service, _ := reading.Service()
		fmt.Println(service.Namespace, service.Name, service.Ports[0].NodePort)
		for _, tag := range service.TagsOf(0) {
			fmt.Println("   ", tag)
		}
	}
	// Output:
	// shop cart 30080
	//     k8s
	//     kubernetes
	//     red
	//     traefik.frontend.rule=Host:a.example.com,b.example.com
}

// A value that turns bad is a problem, and no deletion.
func ExampleReader_Read() {
	reader := kvschema.NewReader(kvschema.Prefix("kubernetes"), kvschema.Rules{})
	var reading *kvschema.Reading
	for _, nodePort := range []string{"30080", "70000", "30081"} {
		value := `{"metadata": {"name": "cart"}, "spec": {"type": "NodePort", "ports": [{"nodePort": ` + nodePort + `}]}}`
		reading, _ = reader.Read(kvschema.Pair{Key: "kubernetes/deployments/shop/cart", Value: []byte(value)}, reading)
		tree := kvschema.Compose([]*kvschema.Reading{reading})
		for _, service := range tree.Services {
			fmt.Println(service.Name, service.Ports[0].NodePort)
		}
		for _, problem := range tree.Problems {
			fmt.Println(problem)
		}
	}
	// Output:
	// cart 30080
	// cart 30080
	// read kubernetes/deployments/shop/cart: spec.ports[0].nodePort is 70000: want a port from 1 to 65535
	// cart 30081
}

// The key that was created first holds a name that both claim.
func ExampleOlder() {
	shop := kvschema.Ref{Key: "kubernetes/deployments/shop/cart", CreateIndex: 40}
	test := kvschema.Ref{Key: "kubernetes/deployments/test/cart", CreateIndex: 12}
	fmt.Println(kvschema.Older(shop, test))
	// Output: 1
}
