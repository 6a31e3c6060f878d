// Package packaging holds what installs the daemon.
package packaging
