// Package packages tests what installs and supervises the daemon with the programs that
// do it on a node: dpkg, lintian, supervisord, systemd-analyze, Prometheus and shells.
//
// A test whose program is not there is skipped; see package needs.
package packages
