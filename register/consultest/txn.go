package consultest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/hashicorp/consul/api"
)

// txnKV is one operation on a key, and txnError says what is wrong with one.
type (
	txnKV struct {
		Verb  api.KVOp
		Key   string
		Value []byte
		Flags uint64
		Index uint64
	}
	txnError struct {
		OpIndex int
		What    string
	}
	txnResult struct{ KV pair }
	txnAnswer struct {
		Results []txnResult
		Errors  []txnError
	}
)

// txn carries out all operations or none. Whatever is wrong with them, the rights of the token included, is 409
// with all mistakes. The key is not cleaned as that of a PUT is.
func (c *Consul) txn(q *query) answer {
	var ops []struct{ KV *txnKV }
	if err := json.NewDecoder(bytes.NewReader(q.body)).Decode(&ops); err != nil {
		return plain(http.StatusBadRequest, "Failed to parse body: %v", err)
	}
	const most = 128
	switch {
	case len(q.body) > largestValue:
		return plain(http.StatusRequestEntityTooLarge,
			"Request body(%d bytes) too large, max size: %d bytes. See %s.", len(q.body), largestValue,
			"https://developer.hashicorp.com/docs/agent/config/config-files#txn_max_req_len.")
	case len(ops) > most:
		return plain(http.StatusRequestEntityTooLarge, "Transaction contains too many operations (%d > %d)", len(ops), most)
	}
	var all []txnKV
	for _, op := range ops {
		if op.KV == nil || op.KV.Verb != api.KVCAS && op.KV.Verb != api.KVDeleteCAS {
			return plain(http.StatusNotImplemented, "consultest: no transactions but of cas and delete-cas")
		}
		all = append(all, *op.KV)
	}
	if wrong := q.mayWrite(all); wrong != nil {
		return reply(http.StatusConflict, txnAnswer{Errors: wrong}).withCharset()
	}
	if failure, ok := c.awaitLeader(q); !ok {
		return failure
	}
	return c.writeTxn(all)
}

func (q *query) mayWrite(ops []txnKV) (wrong []txnError) {
	for i, op := range ops {
		if !q.authz.key(op.Key, write) {
			wrong = append(wrong, txnError{i, q.deniedText("key:write", op.Key)})
		}
	}
	return wrong
}

func (c *Consul) writeTxn(ops []txnKV) answer {
	c.mu.Lock()
	defer c.mu.Unlock()
	next, index := c.store.clone(), c.writeLocked()
	said := txnAnswer{Results: []txnResult{}}
	for i, op := range ops {
		switch stale := next.pairs[op.Key].ModifyIndex != op.Index; {
		case op.Verb == api.KVCAS && stale:
			said.Errors = append(said.Errors, txnError{i, fmt.Sprintf("failed to set key %q, index is stale", op.Key)})
		case op.Verb == api.KVCAS:
			next.set(op.Key, op.Value, op.Flags, index)
			stored := next.pairs[op.Key]
			stored.Value = nil
			said.Results = append(said.Results, txnResult{stored})
		case stale && next.pairs[op.Key].Key != "":
			said.Errors = append(said.Errors, txnError{i, fmt.Sprintf("failed to delete key %q, index is stale", op.Key)})
		default:
			next.remove(op.Key, index)
		}
	}
	if said.Errors != nil {
		said.Results = nil
		return reply(http.StatusConflict, said).withCharset()
	}
	c.store = next
	c.changedLocked()
	return ok(said)
}
