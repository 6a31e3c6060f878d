// Package ext stands in for a module of Traefik that is not published: its open version
// has nothing in it.
package ext

// HTTP extends the HTTP configuration by nothing.
type HTTP struct{}

// Router extends a router by nothing.
type Router struct{}
