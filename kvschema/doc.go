// Package kvschema turns the KV tree into the services it asks for.
package kvschema
