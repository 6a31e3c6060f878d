package rig

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/consul/api"
)

// A Service is a NodePort Service as the tree asks for it.
type Service struct {
	Namespace, Name string
	Port            int      // the NodePort
	Tags            []string // sorted
}

// ID returns the ID that an instance announces the service under.
func (s Service) ID(instance string) string {
	return "k8s-registrar-" + instance + "." + s.Namespace + "." + s.Name + ".http"
}

// Value returns the Service as the API server prints it, shortened.
func (s Service) Value() []byte {
	value, err := json.Marshal(map[string]any{
		"kind":       "Service",
		"apiVersion": "v1",
		"metadata": map[string]any{
			"name": s.Name, "namespace": s.Namespace,
			"annotations": map[string]string{"tags": strings.Join(s.Tags, ",")},
		},
		"spec": map[string]any{
			"type":  "NodePort",
			"ports": []map[string]any{{"name": "http", "protocol": "TCP", "port": 80, "nodePort": s.Port}},
		},
	})
	if err != nil {
		panic(err) // it is texts and numbers
	}
	return value
}

// A Tree writes the KV tree below a key path. The client decides through which agent,
// with which token.
type Tree struct {
	Client  *api.Client
	KeyPath string
}

// Key returns the key of a service.
func (t Tree) Key(namespace, name string) string {
	return t.KeyPath + "/deployments/" + namespace + "/" + name
}

// PutService writes one service.
func (t Tree) PutService(ctx context.Context, namespace, name string, port int, tags ...string) error {
	return t.Put(ctx, Service{Namespace: namespace, Name: name, Port: port, Tags: tags})
}

// Put writes services, up to 64 in one transaction.
func (t Tree) Put(ctx context.Context, services ...Service) error {
	var ops []*api.KVTxnOp
	for _, s := range services {
		ops = append(ops, &api.KVTxnOp{Verb: api.KVSet, Key: t.Key(s.Namespace, s.Name), Value: s.Value()})
	}
	return t.transact(ctx, ops)
}

// DeleteTogether removes services, up to 64 in one transaction.
func (t Tree) DeleteTogether(ctx context.Context, services ...Service) error {
	var ops []*api.KVTxnOp
	for _, s := range services {
		ops = append(ops, &api.KVTxnOp{Verb: api.KVDelete, Key: t.Key(s.Namespace, s.Name)})
	}
	return t.transact(ctx, ops)
}

func (t Tree) transact(ctx context.Context, all []*api.KVTxnOp) error {
	for some := range slices.Chunk(all, 64) { // Consul takes 128
		var ops api.TxnOps
		for _, op := range some {
			ops = append(ops, &api.TxnOp{KV: op})
		}
		ok, answer, _, err := t.Client.Txn().Txn(ops, (&api.QueryOptions{}).WithContext(ctx))
		if err != nil {
			return fmt.Errorf("write tree: %w", err)
		}
		if !ok {
			return fmt.Errorf("write tree: %s", answer.Errors[0].What)
		}
	}
	return nil
}

// PutRaw writes any value.
func (t Tree) PutRaw(ctx context.Context, namespace, name string, value []byte) error {
	pair := &api.KVPair{Key: t.Key(namespace, name), Value: value}
	if _, err := t.Client.KV().Put(pair, (&api.WriteOptions{}).WithContext(ctx)); err != nil {
		return fmt.Errorf("write %s: %w", pair.Key, err)
	}
	return nil
}

// Delete removes services, one after the other.
func (t Tree) Delete(ctx context.Context, namespace string, names ...string) error {
	var errs []error
	for _, name := range names {
		_, err := t.Client.KV().Delete(t.Key(namespace, name), (&api.WriteOptions{}).WithContext(ctx))
		errs = append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("delete from tree: %w", err)
	}
	return nil
}

// DeleteAll removes the whole tree at once.
func (t Tree) DeleteAll(ctx context.Context) error {
	if _, err := t.Client.KV().DeleteTree(t.KeyPath+"/deployments/", (&api.WriteOptions{}).WithContext(ctx)); err != nil {
		return fmt.Errorf("delete tree: %w", err)
	}
	return nil
}
