package agent

import (
	"cmp"
	"strings"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/k8s-registrar/k8s-registrar/kvschema"
	"github.com/k8s-registrar/k8s-registrar/register"
)

// Status is what the agent tells about itself, as JSON at /status.
type Status struct {
	Version  string `json:"version"`
	Instance string `json:"instance"`
	Node     string `json:"node,omitempty"`
	Address  string `json:"address,omitempty"`
	// Time is when this was true, and Started since when the daemon runs.
	Time    time.Time `json:"time"`
	Started time.Time `json:"started"`
	// Ready is false as long as there is a reason in NotReady.
	Ready    bool     `json:"ready"`
	NotReady []string `json:"not_ready,omitempty"`

	// Maintenance is nil unless the node is in maintenance.
	Maintenance *MaintenanceStatus `json:"maintenance,omitempty"`

	Watch     WatchStatus     `json:"watch"`
	Reconcile ReconcileStatus `json:"reconcile"`
	// Desired counts the services that this node should announce, and Services are those
	// that it does.
	Desired  int             `json:"desired"`
	Services []ServiceStatus `json:"services"`
	// Backlog counts the changes that are still to be tried: additions, updates and removals.
	// What waits for a human, or since it has failed, is none of them.
	Backlog int `json:"backlog"`
	// Problems are followed by warnings, see [ProblemStatus].
	Problems []ProblemStatus `json:"problems"`
	// Waiting are the removals that a human has to approve.
	Waiting []Waiting     `json:"waiting"`
	Catalog CatalogStatus `json:"catalog"`
	Token   TokenStatus   `json:"token"`
	TLS     FilesStatus   `json:"tls"`
	Config  ConfigStatus  `json:"config"`
	// Spread is nil if every node announces everything.
	Spread *SpreadStatus `json:"spread,omitempty"`
	// Changes and Errors are the last of each, newest first.
	Changes []ChangeStatus `json:"changes"`
	Errors  []ErrorStatus  `json:"errors"`
}

// FilesStatus is about the files with TLS material for Consul.
type FilesStatus struct {
	// Error is why their content is not used.
	Error string `json:"error,omitempty"`
}

// ConfigStatus tells which configuration is in force.
type ConfigStatus struct {
	// Loaded is when it was read.
	Loaded time.Time `json:"loaded"`
	// Error is why a newer one was refused.
	Error string `json:"error,omitempty"`
}

// ChangeStatus is a change that was made.
type ChangeStatus struct {
	Time   time.Time `json:"time"`
	Action string    `json:"action"`
	ID     string    `json:"id"`
	Name   string    `json:"name"`
	// What is the difference in words, for an update.
	What string `json:"what,omitempty"`
}

// ErrorStatus is something that failed. The same failure again only counts.
type ErrorStatus struct {
	First time.Time `json:"first"`
	Last  time.Time `json:"last"`
	Count int       `json:"count"`
	// What failed, for example "watch".
	What  string `json:"what"`
	Error string `json:"error"`
}

// CatalogStatus is what was seen when the servers were last asked what they hold for
// this node.
type CatalogStatus struct {
	// Verified is when they were last asked; zero if they never answered in full.
	Verified time.Time `json:"verified,omitzero"`
	// Error is why they could not be asked, or did not tell all.
	Error string `json:"error,omitempty"`
	// Diverging counts the services that they hold otherwise than the local agent.
	Diverging int `json:"diverging"`
}

// TokenStatus is about the token file; it never holds a token.
type TokenStatus struct {
	// Error is why the file's token is not used.
	Error string `json:"error,omitempty"`
	// Others counts the services that are still registered with another token: those
	// that wait for a human, or for a value to be mended, stay as they are.
	Others int `json:"services_with_another"`
	// OldRevocable is since when the token before the last change is of no use to
	// anything of ours.
	OldRevocable time.Time `json:"old_revocable_since,omitzero"`
}

// WatchStatus is what is known of the tree.
type WatchStatus struct {
	Tree string `json:"tree"`
	// Known tells whether anything was ever known since the start.
	Known bool   `json:"known"`
	Index uint64 `json:"index"`
	// LastSuccess is when Consul last answered.
	LastSuccess time.Time `json:"last_success,omitzero"`
	Error       string    `json:"error,omitempty"`
}

// ReconcileStatus is how the last comparison went.
type ReconcileStatus struct {
	Last        time.Time `json:"last,omitzero"`
	LastSuccess time.Time `json:"last_success,omitzero"`
	Took        string    `json:"took,omitempty"`
	Error       string    `json:"error,omitempty"`
}

// ServiceStatus is a service of ours on the local agent.
type ServiceStatus struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	Key  string `json:"key"`
	Port int    `json:"port"`
	// Tags are without the passwords that some hold.
	Tags []string `json:"tags"`
	// Check is "passing", "warning", "critical" or "maintenance" as of the last
	// comparison, and empty if the check is newer than that.
	Check string `json:"check,omitempty"`
	// Output is what the check said, unless it is passing.
	Output string `json:"output,omitempty"`
	// Nodes are those that announce it; none if all do.
	Nodes []string `json:"nodes,omitempty"`
	// Changed is when the daemon last changed it; zero if it has not since it started.
	Changed time.Time `json:"changed,omitzero"`
}

// ProblemStatus is a key, an ID or a step that is not as it should be, or may not be.
type ProblemStatus struct {
	Key   string    `json:"key,omitempty"`
	ID    string    `json:"id,omitempty"`
	Error string    `json:"error"`
	Since time.Time `json:"since"`
	// Warning tells that the key is announced all the same: Error says what about it
	// may not be meant.
	Warning bool `json:"warning,omitempty"`
}

// serviceStatus is what is shown of a service as the agent holds it.
func serviceStatus(r *register.Registered) ServiceStatus {
	s := ServiceStatus{ID: string(r.ID), Name: r.Name, Key: r.Key(), Port: r.Port, Tags: kvschema.Shown(r.Tags), Check: r.Status()}
	if mark, on := r.Maintenance(); on {
		s.Output = string(mark)
		return s
	}
	if s.Check == api.HealthPassing {
		return s
	}
	for _, check := range r.Checks.All() {
		if check.Status == s.Check {
			s.Output = strings.TrimSpace(cmp.Or(check.Output, check.Notes))
			break
		}
	}
	return s
}
