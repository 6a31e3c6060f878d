package measure

// LateOutput configures Consul's agents so that they do not tell the servers what the first
// probe of a new check said. They would at random 2.5 to 7.5 minutes later: a write for each
// service of a cold start, which would count as the cost of the changes of that time.
func LateOutput() map[string]any { return map[string]any{"check_update_interval": "24h"} }
