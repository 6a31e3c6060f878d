package main

import (
	"fmt"

	"github.com/k8s-registrar/k8s-registrar/e2e/measure"
)

// The model: the server's processor time for one change on one node, in milliseconds. The
// constants are explained in docs/scaling.md.
const (
	// treeBell is one blocking query for the tree that wakes and is asked again, and
	// treeBellKey what each key below its prefix adds. A tree that is watched in parts has
	// manyBells that a change rings, one that is not has one.
	treeBell, treeBellKey, manyBells, onePart = 0.30, 0.0002, 2.4, 32
	// readFixed and readKey are a read of values.
	readFixed, readKey = 0.15, 0.010
	// registerFixed is one registration in the catalog, and registerService what each
	// service that the node has already adds.
	registerFixed, registerService = 1.0, 0.003
	// catalogBells are the requests for the doorbells on the node's own services, which its own
	// registration rings, and on its checks, which are asked for each ten seconds.
	catalogBells, catalogBell, catalogBellService = 2.2, 0.30, 0.0001
	// confirms is how many times the catalog is asked for what was changed, for a change: every
	// ten seconds while things change, which they do here every changePause.
	confirms, confirmFixed, confirmService = 0.25, 0.6, 0.001
	// looks is how many times all of it is compared: every minute.
	looks, lookFixed, lookService = 0.042, 0.5, 0.040
)

// predicted returns the server's processor time for one change on one node.
func predicted(p point) float64 {
	services := float64(p.Services)
	perNamespace := services / float64(p.Namespaces)
	bells := manyBells
	if p.Services <= onePart {
		bells = 1
	}
	return bells*(treeBell+treeBellKey*perNamespace) +
		readFixed + readKey*perNamespace +
		registerFixed + registerService*services +
		catalogBells*(catalogBell+catalogBellService*services) +
		confirms*(confirmFixed+confirmService*services) +
		looks*(lookFixed+lookService*services)
}

func (r *results) model() string {
	return measure.Table(head("predicted", "measured", "measured to predicted"), r.rows(func(f fleetResult) []string {
		return []string{
			fmt.Sprintf("%.2f ms", predicted(f.point)), fmt.Sprintf("%.2f ms", f.ChangeCPU), fmt.Sprintf("%.2f", f.ChangeCPU/predicted(f.point)),
		}
	}))
}
