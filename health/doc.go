// Package health says how Consul checks each service.
package health
