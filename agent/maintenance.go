package agent

import (
	"cmp"
	"time"

	"github.com/k8s-registrar/k8s-registrar/register"
)

// MaintenanceStatus tells of a node that the command "maintenance on" has taken out of the
// load balancers.
type MaintenanceStatus struct {
	// Since is when; zero if the marker does not say.
	Since time.Time `json:"since,omitzero"`
	// Reason is what was given as the reason.
	Reason string `json:"reason"`
}

func maintenanceStatus(actual register.Actual) *MaintenanceStatus {
	if actual.Marker == "" {
		return nil
	}
	return &MaintenanceStatus{Since: actual.Since, Reason: actual.Marker.Reason()}
}

// MaintenanceWords says since when the node is in maintenance, and why; nothing if it is
// not.
func (s Status) MaintenanceWords() string {
	if s.Maintenance == nil {
		return ""
	}
	words := "in maintenance"
	if since := s.Maintenance.Since; !since.IsZero() {
		words += " for " + age(s.Time.Sub(since))
	}
	return words + ": " + cmp.Or(s.Maintenance.Reason, "no reason was given")
}
