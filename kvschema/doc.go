// Package kvschema turns the KV tree into the services it asks for.
//
// It is pure: bytes in, services and problems out. It is also the contract
// with k8s-deployer, the program that fills the tree.
//
// # Keys
//
// Below a root called key_path (k8s-deployer's own setting, by default
// "kubernetes") one key stands for one Kubernetes Service:
//
//	<key_path>/deployments/<namespace>/<service>
//
// for example kubernetes/deployments/shop/cart. Everything else is not ours and
// is passed over in silence: folder keys (with a trailing slash), keys nearer to
// or further from the root, and trees with a similar name such as
// kubernetes/deployments-old/ or kubernetes/specifications/.
//
// Namespace and service must be DNS labels, as Kubernetes itself demands.
//
// # Values
//
// The value is the Kubernetes v1 Service as the API server answered it, in JSON.
// Read are metadata.name, metadata.namespace, metadata.annotations, and of spec the type,
// clusterIP, ipFamilies, externalTrafficPolicy, healthCheckNodePort and those of the ports
// that are announced; any other field, known or not, is passed over. A Service that is not
// to be announced, by its type, by the [Rules] or by an annotation, is neither a service
// nor a problem.
//
// metadata.name and metadata.namespace, where present, must say the same as the
// key: the key is what the deployer deletes, so it is what identifies a Service.
//
// # Tags
//
// An annotation becomes tags by the text before the first dot of its key, which
// is the rule of the program that this one replaces:
//
//	traefik.frontend.rule: Host:a.example.com,b.example.com
//	                    -> traefik.frontend.rule=Host:a.example.com,b.example.com
//	tags: "kubernetes, k8s,red"
//	                    -> kubernetes, k8s, red
//
// A traefik annotation is one tag and is never split; the value of tags is split
// at commas and trimmed, and "\," is a comma within a tag. Tags are sorted, without
// duplicates and without empty ones, so that the same Service has the same tags on every
// node and in every run.
//
// # Annotations for this program
//
// All begin with "k8s-registrar/"; [Annotations] lists them. They decide what a Service is
// called, which of its ports are announced and where, and how it is checked.
//
// # Claims
//
// A key claims the names that its ports have in Consul. Of two keys that make one [Claim]
// the older one holds it.
//
// # Problems
//
// A value that cannot be read is a [Problem] that names the key and says what is
// wrong. It never hides another key, and it is never a deletion: [Reader.Read]
// keeps the last good reading of a key for as long as the key exists.
package kvschema
