// Package prometheus holds the scrape configuration that is shipped against Prometheus' own
// code: it reads the file, looks into a real Consul, and relabels what it finds there.
//
// It is a module of its own, so that what Prometheus is made of is nothing of ours; run it by
// make oracle. Package packages runs a whole Prometheus, but that of Debian, which is built
// without Consul.
package prometheus
