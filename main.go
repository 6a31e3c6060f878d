// Command k8s-registrar announces Kubernetes NodePort services in Consul.
package main

func main() {}
