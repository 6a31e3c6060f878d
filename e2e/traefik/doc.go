// Package traefik holds what k8s-registrar knows of Traefik against the code of Traefik
// 1.7.34 and 3.7.9. It is a module of its own, so that theirs are none of ours; run it by
// make oracle.
package traefik
