// Package register makes the local Consul agent hold exactly the services this node should announce.
//
// Four values, each made from the one before:
//
//	Desired   what the node should announce       Mapping.Desired, pure
//	Actual    what the agent holds now            Local.Actual, reads
//	Plan      the difference of the two           Diff, pure
//	Report    what became of the plan             Local.Apply, the only writes to Consul
//
// # Ownership
//
// A service is ours if its ID starts with "k8s-registrar-<instance>." and its meta
// names us and the same instance. Both are needed: a service that satisfies only
// one is never changed and never removed, and the plan says that it is in the way.
//
// # Idempotence
//
// A registration that is as it should be is not sent again: Consul would restart
// its check, reset the check's thresholds and rewrite two files, and repair
// nothing. Diff therefore compares what we control with what the agent shows, and
// knows what Consul fills in by itself (weights, tagged addresses).
//
// # ACL rules
//
//	service_prefix "" { policy = "write" }    Apply; also makes Actual complete
//	agent "<node>"    { policy = "read" }     Node
//	node "<node>"     { policy = "read" }     Cataloged
package register
