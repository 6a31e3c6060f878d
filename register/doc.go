// Package register makes the local Consul agent hold exactly the services this node should announce.
package register
