// Package kvtree fills the KV tree from what Kubernetes says, and reads it back.
//
// It does by itself what k8s-deployer does when a Service is deployed, for a site that
// has no k8s-deployer: it writes the same keys and the same values as package kvschema
// describes, and only below <key_path>/deployments/. What is no Service's key there, and
// every other tree, is neither read into anything nor written.
//
// # The flow
//
//	kubectl's JSON --Reader--> Event --Input.Add--> Input --+
//	                                                        +--Diff--> Plan --Store.Write--> Outcome
//	KV store --Store.Read--> pairs -------------------------+
//
// [Store] alone talks to Consul. [Diff] alone sees both what should be and what is.
//
// # What is written
//
// A Service of a chosen type gets a key. One that has a key is kept as Kubernetes has it,
// whatever type it has become: the nodes then see that it is no NodePort any more. The
// value is the object as it came, its fields in the same order, printed with four spaces.
//
// Every node reads a value that changed. So a value is not written again for its layout
// alone, nor for what Kubernetes changes without a change of the Service:
// metadata.resourceVersion, metadata.generation, metadata.managedFields (which kubectl
// shows or hides) and metadata.selfLink.
//
// A Service that no node could read is a problem, and its key stays as it is.
//
// # What is removed
//
// Only what the input proves to be gone, see [Options], and no more at once than the
// [Budget] allows. Removals come last.
//
// Each write names the ModifyIndex that was read. A key that somebody else changes
// meanwhile stays as they left it.
package kvtree
