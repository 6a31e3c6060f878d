package main

import (
	"fmt"

	"github.com/k8s-registrar/k8s-registrar/e2e/measure"
)

// The model: the server's processor time for one change on one node, in milliseconds. The
// constants are explained in docs/scaling.md.
const (
	// doorbellFixed is one blocking query that wakes and is asked again, and doorbellKey
	// what each key below its prefix adds.
	doorbellFixed, doorbellKey = 0.15, 0.0002
	// readFixed and readKey are the same for a read of values.
	readFixed, readKey = 0.15, 0.010
	// registerFixed is one registration in the catalog, and registerService what each
	// service that the node has already adds.
	registerFixed, registerService = 1.0, 0.003
	// driftFixed and driftService are the doorbells on the node's own services and
	// checks, which its own registration rings.
	driftFixed, driftService = 0.30, 0.0005
)

// predicted returns the server's processor time for one change on one node.
func predicted(p point) float64 {
	services := float64(p.Services)
	perNamespace := services / float64(p.Namespaces)
	return doorbellFixed + doorbellKey*perNamespace +
		readFixed + readKey*perNamespace +
		registerFixed + registerService*services +
		driftFixed + driftService*services
}

func (r *results) model() string {
	return measure.Table(head("predicted", "measured", "measured to predicted"), r.rows(func(f fleetResult) []string {
		return []string{
			fmt.Sprintf("%.2f ms", predicted(f.point)), fmt.Sprintf("%.2f ms", f.ChangeCPU), fmt.Sprintf("%.2f", f.ChangeCPU/predicted(f.point)),
		}
	}))
}
