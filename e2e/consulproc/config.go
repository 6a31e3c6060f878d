package consulproc

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"os"
)

// baseConfig holds what every agent has in common. Whatever depends on a default of
// Consul that drills rely on is said, not implied.
func baseConfig() map[string]any {
	return map[string]any{
		"enable_script_checks":       false,
		"enable_local_script_checks": false,
		"disable_update_check":       true,
		"log_level":                  "INFO",
		"retry_interval":             "250ms",
		"connect":                    map[string]any{"enabled": false},
		"peering":                    map[string]any{"enabled": false},
		"performance":                map[string]any{"raft_multiplier": 1},
		"telemetry":                  map[string]any{"prometheus_retention_time": "0s"},
		"ports": map[string]any{
			"server": serverPort, "serf_lan": serfPort, "http": httpPort,
			"dns": -1, "grpc": -1, "grpc_tls": -1, "https": -1, "serf_wan": -1,
		},
	}
}

// aclConfig turns access control on: policy is what holds where no rule does. The agents
// use the management token for their own work.
func aclConfig(policy, management string) map[string]any {
	return map[string]any{"acl": map[string]any{
		"enabled":        true,
		"default_policy": policy,
		"tokens":         map[string]any{"initial_management": management, "agent": management},
	}}
}

// TLS returns what lets an agent speak TLS too, with those who have a certificate of the
// authorities. The files are read again when the agent is reloaded.
func TLS(caFile, certFile, keyFile string) map[string]any {
	return map[string]any{
		"ports": map[string]any{"https": httpsPort},
		"tls": map[string]any{"https": map[string]any{
			"ca_file": caFile, "cert_file": certFile, "key_file": keyFile, "verify_incoming": true,
		}},
	}
}

// merge lays configurations over each other, the last on top: maps are merged key by key,
// every other value replaces what is under it.
func merge(layers ...map[string]any) map[string]any {
	merged := map[string]any{}
	for _, layer := range layers {
		for key, value := range layer {
			under, isMap := merged[key].(map[string]any)
			over, bothMaps := value.(map[string]any)
			if isMap && bothMaps {
				value = merge(under, over)
			}
			merged[key] = value
		}
	}
	return merged
}

// writeConfig writes config to path for the owner alone, since it may hold tokens.
func writeConfig(path string, config map[string]any) error {
	text, err := json.MarshalIndent(config, "", "  ")
	if err != nil {
		return fmt.Errorf("encode consul config: %w", err)
	}
	if err := os.WriteFile(path, text, 0o600); err != nil {
		return fmt.Errorf("write consul config: %w", err)
	}
	return nil
}

// newUUID returns a random UUID, the form Consul wants for node IDs and token secrets.
func newUUID() string {
	var b [16]byte
	rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
