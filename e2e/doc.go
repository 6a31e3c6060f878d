// Package e2e runs the real binary against a real Consul.
//
// The stories are those of package agent's own tests. There a stand-in plays Consul
// and the clock; here nothing is played: processes are killed and paused, sockets
// break, disks keep or lose what was written, and what counts is what the servers'
// catalog tells a reader far away. The package itself holds nothing but tests.
//
// The tests need the Consul program, see consulproc.Binary: without it they fail.
// They build k8s-registrar with the race detector, and every run of it must end
// without a report of a race, within five seconds, with exit code 0.
//
//	go test ./e2e
//	go test -run '^$' -bench Latency -timeout 30m ./e2e
package e2e
