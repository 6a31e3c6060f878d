package main

import (
	"fmt"

	"github.com/k8s-registrar/k8s-registrar/e2e/measure"
)

// The model: the server's processor time for one change on one node, in milliseconds. The
// constants are explained in docs/scaling.md.
const (
	// valuedBell is the query for a tree of one part, up to onePart services, that wakes with all
	// values, and valuedKey what each of them adds.
	valuedBell, valuedKey, onePart = 0.25, 0.010, 32
	// treeBell is one blocking query for a part of a larger tree that wakes and is asked again,
	// and treeBellKey what each key below its prefix adds. A change rings manyBells of them.
	treeBell, treeBellKey, manyBells = 0.30, 0.0002, 2.4
	// readFixed and readKey are a read of values.
	readFixed, readKey = 0.15, 0.010
	// registerFixed is one registration that changes a service, and registerService what each
	// service that the node has adds.
	registerFixed, registerService = 0.52, 0.0043
	// servicesBells is how often Consul goes through the node's services for the doorbell on
	// them: of 40 changes the first six make it ring, which takes two times, and then it rings
	// late, every ten seconds, which takes one.
	servicesBells, servicesBell, servicesBellService = 0.55, 0.25, 0.0014
	// checksBells is how often it goes through the checks for theirs: three times for each of
	// the first six changes, and then every thirty seconds.
	checksBells, checksBell, checksBellService = 0.7, 0.17, 0.0003
	// confirms is how many times the catalog is asked for what was changed, for a change: every
	// ten seconds while things change, which they do here every changePause. All of up to
	// allServices are asked for then.
	confirms, confirmFixed, confirmService, allServices = 0.25, 0.6, 0.0035, 32
	// looks is how many times all of more than that are compared: every minute. More than
	// oneAnswer are asked for in parts, and for each Consul goes through all of them, as it does
	// to confirm.
	looks, lookFixed, lookService, oneAnswer = 0.042, 0.5, 0.026, 1024
)

// predicted returns the server's processor time for one change on one node.
func predicted(p point) float64 {
	services := float64(p.Services)
	perNamespace := services / float64(p.Namespaces)
	tree := manyBells*(treeBell+treeBellKey*perNamespace) + readFixed + readKey*perNamespace
	if p.Services <= onePart {
		tree = valuedBell + valuedKey*services
	}
	some, all := confirmFixed+confirmService*services, lookFixed+lookService*services
	if p.Services > oneAnswer {
		all += (2 + services/oneAnswer) * some
	}
	confirmed := confirms*some + looks*all
	if p.Services <= allServices {
		confirmed = confirms * all
	}
	return tree +
		registerFixed + registerService*services +
		servicesBells*(servicesBell+servicesBellService*services) +
		checksBells*(checksBell+checksBellService*services) +
		confirmed
}

func (r *results) model() string {
	return measure.Table(head("predicted", "measured", "measured to predicted"), r.rows(func(f fleetResult) []string {
		return []string{
			fmt.Sprintf("%.2f ms", predicted(f.point)), fmt.Sprintf("%.2f ms", f.ChangeCPU), fmt.Sprintf("%.2f", f.ChangeCPU/predicted(f.point)),
		}
	}))
}
