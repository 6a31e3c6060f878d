// Package kubernetes holds the Services that are tested with against Kubernetes' own
// types. It has a go.mod of its own, so that nothing of Kubernetes gets into the program.
package kubernetes
