package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/hashicorp/consul/api"

	"github.com/k8s-registrar/k8s-registrar/e2e/measure"
)

// maxServices is how many ports a tree has: those above the range of NodePorts are below it
// instead, and above the privileged ones.
const maxServices = 20_000

// tree is what one contender follows.
type tree struct {
	kv       *api.Client
	keyPath  string
	services []measure.Service
}

// namespaces returns how many namespaces so many services are in.
func namespaces(services int) int {
	if services >= 1000 {
		return 50
	}
	return max(1, services/20)
}

// newTree returns a tree of so many services, named after the contender: a service of
// Consul's then has one instance. Neighbours in the list are in different namespaces.
func newTree(kv *api.Client, name string, size int) *tree {
	t := &tree{kv: kv, keyPath: "bench/" + name}
	first := 30_000
	if size > maxTemplate {
		first = 5_000
	}
	for i := range size {
		t.services = append(t.services, measure.Service{
			Namespace: fmt.Sprintf("team-%02d", i%namespaces(size)), Name: fmt.Sprintf("%s-%05d", name, i), Port: first + i, Version: 1,
		})
	}
	return t
}

// pick returns one of the services.
func (t *tree) pick() *measure.Service { return &t.services[rand.IntN(len(t.services))] }

// put writes one service.
func (t *tree) put(ctx context.Context, s measure.Service) error {
	pair := &api.KVPair{Key: s.Key(t.keyPath), Value: s.Value()}
	if _, err := t.kv.KV().Put(pair, (&api.WriteOptions{}).WithContext(ctx)); err != nil {
		return fmt.Errorf("write %s: %w", pair.Key, err)
	}
	return nil
}

// remove deletes the key of one service.
func (t *tree) remove(ctx context.Context, s measure.Service) error {
	if _, err := t.kv.KV().Delete(s.Key(t.keyPath), (&api.WriteOptions{}).WithContext(ctx)); err != nil {
		return fmt.Errorf("delete %s: %w", s.Name, err)
	}
	return nil
}

// change gives all services another version, in transactions as large as they can be.
func (t *tree) change(ctx context.Context) error {
	for i := range t.services {
		t.services[i].Version++
	}
	return t.putAll(ctx)
}

// putAll writes all services.
func (t *tree) putAll(ctx context.Context) error {
	const most = 64 // operations in a transaction; Consul takes 128, and 512 KB
	for some := range slices.Chunk(t.services, most) {
		var ops api.TxnOps
		for _, s := range some {
			ops = append(ops, &api.TxnOp{KV: &api.KVTxnOp{Verb: api.KVSet, Key: s.Key(t.keyPath), Value: s.Value()}})
		}
		ok, answer, _, err := t.kv.Txn().Txn(ops, (&api.QueryOptions{}).WithContext(ctx))
		if err != nil {
			return fmt.Errorf("write tree: %w", err)
		}
		if !ok {
			return fmt.Errorf("write tree: %s", answer.Errors[0].What)
		}
	}
	return nil
}
