package traefik

// Severity says what a finding leads to.
type Severity string

const (
	// Refuse keeps the service as it was last announced.
	Refuse Severity = "refuse"
	// Warn announces the service and says so.
	Warn Severity = "warn"
	// Off says nothing.
	Off Severity = "off"
)
