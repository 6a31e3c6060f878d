package kvtree

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/hashicorp/consul/api"
)

// A transaction is one write for Consul, and one wake of every node that watches the
// tree. Consul takes 128 operations and 512 KiB in one, values in base64.
const (
	maxOperations = 64
	maxBatchBytes = 300 << 10
)

// Outcome is what became of a change.
type Outcome struct {
	Change
	Err error
}

// errConflict is what a change meets whose key is not as it was read.
var errConflict = errors.New("somebody else changed it meanwhile: run it once more")

// Write makes the changes in their order, some at a time, and tells done of each one. A
// change that Consul refuses keeps no other from being made. The error says that Consul
// could not be asked: what done was not told of is not known to be made.
func (s Store) Write(ctx context.Context, changes []Change, done func(Outcome)) error {
	for len(changes) > 0 {
		n := batch(changes)
		if err := s.writeBatch(ctx, changes[:n], done); err != nil {
			return err
		}
		changes = changes[n:]
	}
	return nil
}

// batch is how many of the changes go into the next transaction.
func batch(changes []Change) int {
	var size int
	for i, c := range changes {
		size += len(c.Value)
		if i == maxOperations || i > 0 && size > maxBatchBytes {
			return i
		}
	}
	return len(changes)
}

// writeBatch sends a transaction, and again without what is refused: Consul makes all of
// its changes or none.
func (s Store) writeBatch(ctx context.Context, changes []Change, done func(Outcome)) error {
	for len(changes) > 0 {
		refused, err := s.transact(ctx, changes)
		if err != nil {
			return err
		}
		var rest []Change
		for i, c := range changes {
			switch err, bad := refused[i]; {
			case bad || len(refused) == 0:
				done(Outcome{c, err})
			default:
				rest = append(rest, c)
			}
		}
		changes = rest
	}
	return nil
}

// transact sends one transaction and returns what is wrong with which of the changes.
// The client's own call would lose the status code of an error.
func (s Store) transact(ctx context.Context, changes []Change) (map[int]error, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	var ops api.TxnOps
	for _, c := range changes {
		verb := api.KVCAS
		if c.Action == Remove {
			verb = api.KVDeleteCAS
		}
		ops = append(ops, &api.TxnOp{KV: &api.KVTxnOp{Verb: verb, Key: c.Key, Value: c.Value, Index: c.Index}})
	}
	_, err := s.client.Raw().Write("/v1/txn", ops, nil, (&api.WriteOptions{}).WithContext(ctx))
	if err == nil {
		return map[int]error{}, nil
	}
	status, answered := errors.AsType[api.StatusError](err)
	var said api.TxnResponse
	if !answered || status.Code != http.StatusConflict || json.Unmarshal([]byte(status.Body), &said) != nil {
		return nil, fmt.Errorf("write %s: %w", s.prefix, err)
	}
	refused := map[int]error{}
	for _, e := range said.Errors {
		if e.OpIndex < 0 || e.OpIndex >= len(changes) {
			continue
		}
		refused[e.OpIndex] = errors.New(e.What)
		if strings.HasSuffix(e.What, "index is stale") {
			refused[e.OpIndex] = errConflict
		}
	}
	if len(refused) == 0 { // or it would be sent for ever
		return nil, fmt.Errorf("write %s: %w", s.prefix, err)
	}
	return refused, nil
}
