// Package rival has the programs that k8s-registrar is measured beside: the least that carries
// a change of the tree into the catalog, and what cares about a whole tree. Both work through
// Consul's agent, or what stands in for it. See docs/benchmarks.md and docs/scaling.md.
package rival
