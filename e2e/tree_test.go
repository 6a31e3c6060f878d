package e2e

import (
	"fmt"

	"github.com/hashicorp/consul/api"
)

// service is a NodePort Service as the API server prints it, shortened.
func service(namespace, name string, port int, tags string) string {
	return fmt.Sprintf(`{
    "kind": "Service",
    "apiVersion": "v1",
    "metadata": {"name": %q, "namespace": %q, "annotations": {"tags": %q}},
    "spec": {"type": "NodePort", "ports": [{"name": "http", "protocol": "TCP", "port": 80, "nodePort": %d}]}
}`, name, namespace, tags, port)
}

// key returns the key of a service in the namespace shop.
func (r *rig) key(service string) string { return r.keyPath + "/deployments/shop/" + service }

// put writes a service of the namespace shop.
func (r *rig) put(name string, port int, tags string) {
	r.Helper()
	r.putValue("shop/"+name, service("shop", name, port, tags))
}

// putValue writes any value to namespace/name.
func (r *rig) putValue(name, value string) {
	r.Helper()
	_, err := r.server.KV().Put(&api.KVPair{Key: r.keyPath + "/deployments/" + name, Value: []byte(value)}, r.write())
	must(r, err)
}

// remove deletes services of the namespace shop.
func (r *rig) remove(names ...string) {
	r.Helper()
	for _, name := range names {
		_, err := r.server.KV().Delete(r.key(name), r.write())
		must(r, err)
	}
}

// fill writes the services s000 and so on, from port 30000 upwards, and returns how
// they should be announced.
func (r *rig) fill(n int) []string {
	r.Helper()
	var announced []string
	values := map[string]string{}
	for i := range n {
		name := fmt.Sprintf("s%03d", i)
		values[r.key(name)] = service("shop", name, 30000+i, "a")
		announced = append(announced, fmt.Sprintf("%s:%d", name, 30000+i))
	}
	r.putAll(values)
	return announced
}

// putAll writes many keys in few transactions.
func (r *rig) putAll(values map[string]string) {
	r.Helper()
	const most = 128 // operations that Consul takes in a transaction
	var ops api.TxnOps
	for key, value := range values {
		ops = append(ops, &api.TxnOp{KV: &api.KVTxnOp{Verb: api.KVSet, Key: key, Value: []byte(value)}})
	}
	for ; len(ops) > 0; ops = ops[min(most, len(ops)):] {
		ok, answer, _, err := r.server.Txn().Txn(ops[:min(most, len(ops))], r.query())
		must(r, err)
		if !ok {
			r.Fatalf("transaction failed: %+v", answer.Errors)
		}
	}
}
