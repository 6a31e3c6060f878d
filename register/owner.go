package register

import (
	"maps"
	"strconv"
	"strings"

	"github.com/k8s-registrar/k8s-registrar/kvschema"
)

// Keys in the meta of every service of ours. Consul allows letters, digits, "-"
// and "_" in them, at most 128 bytes, and 512 bytes in their values.
const (
	// MetaManagedBy says which program owns the service; its value is [Program].
	MetaManagedBy = "managed-by"
	// MetaInstance says which instance of the program does.
	MetaInstance = "k8s-registrar-instance"
	// MetaKey is the KV key that the service came from.
	MetaKey = "k8s-registrar-key"
	// MetaFingerprint is a digest of the whole registration, check included.
	MetaFingerprint = "k8s-registrar-fingerprint"

	// MetaCreated is the raft index at which that key was created, see [Lost].
	MetaCreated = "k8s-registrar-created"
	// MetaToken names the token that the service was registered with.
	MetaToken = "k8s-registrar-token"

	// MetaMark is why the node is in maintenance, on the marker only.
	MetaMark = "k8s-registrar-mark"
	// MetaSince is since when it is, in the form of RFC 3339, on the marker only.
	MetaSince = "k8s-registrar-since"

	// Consul's UI and consul-k8s know the next four.
	metaSource    = "external-source"
	metaNamespace = "external-k8s-ns"
	metaKind      = "external-k8s-ref-kind"
	metaName      = "external-k8s-ref-name"
)

// Program is this program's name in the meta and the IDs of what it owns.
const Program = "k8s-registrar"

// ID is a service's ID on the local agent, for example
// "k8s-registrar-default.shop.cart.http".
type ID string

// Owner tells what is ours.
type Owner struct {
	// Instance tells several instances on one Consul agent apart: letters, digits
	// and "-".
	Instance string
}

// prefix ends with a dot, which an instance cannot contain: no instance's prefix
// is the beginning of another's.
func (o Owner) prefix() string { return Program + "-" + o.Instance + "." }

// ID returns the ID of a service. Namespace, name and the port's label are DNS labels
// and so hold no dot, and no two announced ports of a Service have one label: no two
// services have one ID. Neither the node nor the NodePort nor the name in Consul is in
// it, so when one of them changes that is an update and not a removal.
func (o Owner) ID(ref kvschema.Ref, port kvschema.Port) ID {
	return ID(o.prefix() + ref.Namespace + "." + ref.Name + "." + port.Label())
}

// Claims tells whether the ID is one that only this instance uses.
func (o Owner) Claims(id string) bool { return strings.HasPrefix(id, o.prefix()) }

// Owns tells whether a service of this ID and meta is ours.
func (o Owner) Owns(id string, meta map[string]string) bool {
	return o.Claims(id) && meta[MetaManagedBy] == Program && meta[MetaInstance] == o.Instance
}

// meta returns what a service of ours carries, without the fingerprint: what the Service
// adds, and what every one has.
func (o Owner) meta(s kvschema.Service) Meta {
	meta := map[string]string{}
	maps.Copy(meta, s.Meta)
	maps.Copy(meta, map[string]string{
		MetaManagedBy: Program,
		MetaInstance:  o.Instance,
		MetaKey:       s.Key,
		MetaCreated:   strconv.FormatUint(s.CreateIndex, 10),
		metaSource:    "kubernetes",
		metaNamespace: s.Namespace,
		metaKind:      "Service",
		metaName:      s.Name,
	})
	return NewMeta(meta)
}
