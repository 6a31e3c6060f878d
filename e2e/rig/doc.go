// Package rig runs the real k8s-registrar against a real Consul and watches from outside
// what becomes of the services, for drills and chaos tests. It needs no *testing.T.
//
//   - [Registrar] is one daemon as its supervisor sees it: a command line, signals, /status.
//   - [Tree] writes the KV tree.
//   - [Observer] follows the catalog of Consul's servers and adds up for how long a service
//     was missing that had to be there.
//   - [Prober] measures how long the local agent makes everybody else on the node wait.
//   - [Proxy] stands between the registrar and its local agent, and spoils what passes.
//
// Consul itself is run by package consulproc.
package rig
