// Package health says how Consul checks each service.
//
// It is pure: it describes checks and runs none. Consul's local agent runs them,
// at the node's own address: a NodePort on 127.0.0.1 answers only in some modes of
// kube-proxy, so a check that dialled it would call good ports dead.
//
// The health of the daemon itself is package agent's matter.
package health
