// Package config reads what the operator decided.
//
// Every setting has one name, such as check.interval, and one parser, which
// serves all the places a value can come from. The later one wins:
//
//	default      what [Default] returns and reference.hcl explains
//	file         check { interval = "10s" }
//	environment  K8S_REGISTRAR_CHECK_INTERVAL=10s
//	flag         --check-interval=10s
//
// A variable that is set but empty is a value like any other: an empty
// K8S_REGISTRAR_TELEMETRY_LISTEN turns the listener off. Unknown names are
// mistakes in the file and on the command line, but not in the environment:
// Kubernetes itself invents variables there, such as
// K8S_REGISTRAR_SERVICE_HOST for a Service called k8s-registrar.
//
// [Load] either returns a valid [Config] or an [*Error] with every mistake of
// every source, each with its place, so that one run is enough to correct
// them all. A value in a file is a literal: nothing is evaluated, nothing is
// interpolated.
package config
