package agent

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/k8s-registrar/k8s-registrar/kvschema"
)

// readTimeout bounds a read that does not block; for one that does it is what the
// answer may take beyond the time that was asked for.
const readTimeout = 15 * time.Second

// tree reads a tree of Consul's key/value store. It decides nothing.
type tree struct {
	kv     *api.KV
	prefix string
	// token tells whether requests carry a token, see answer.trusted.
	token func() bool
}

// ask waits until the tree's index passes the given one, or for about as long as
// wait, and returns the index that is then current. It asks for the names of the
// top folders only: the index is that of everything below, and the answer small.
func (t tree) ask(ctx context.Context, index uint64, wait time.Duration) (uint64, error) {
	// Consul adds up to a sixteenth of the wait, so that readers spread.
	ctx, cancel := context.WithTimeout(ctx, wait+wait/16+readTimeout)
	defer cancel()
	// A blocking query at a follower survives the loss of the leader; one at the
	// leader is stuck in retries for half a minute.
	options := &api.QueryOptions{WaitIndex: index, WaitTime: wait, AllowStale: true}
	_, meta, err := t.kv.Keys(t.prefix, "/", options.WithContext(ctx))
	if err != nil {
		return 0, fmt.Errorf("watch %s: %w", t.prefix, err)
	}
	return meta.LastIndex, nil
}

// readAt reads the tree as of an index or later. Asking for what comes after the
// index before makes a follower that lags wait until it has caught up.
func (t tree) readAt(ctx context.Context, index uint64) answer {
	return t.list(ctx, &api.QueryOptions{AllowStale: true, WaitIndex: index - 1, WaitTime: 10 * time.Second})
}

// readConsistent reads the tree from a leader that has made sure that it is one, and
// probes whether we may read it at all.
func (t tree) readConsistent(ctx context.Context) answer {
	a := t.list(ctx, &api.QueryOptions{RequireConsistent: true})
	a.consistent = true
	if a.err == nil {
		a.probe, a.err = t.mayRead(ctx, t.prefix)
	}
	return a
}

func (t tree) list(ctx context.Context, options *api.QueryOptions) answer {
	ctx, cancel := context.WithTimeout(ctx, options.WaitTime+readTimeout)
	defer cancel()
	pairs, meta, err := t.kv.List(t.prefix, options.WithContext(ctx))
	if err != nil {
		return answer{err: fmt.Errorf("read %s: %w", t.prefix, err)}
	}
	a := answer{
		index:    meta.LastIndex,
		leader:   meta.KnownLeader,
		filtered: meta.ResultsFilteredByACLs,
		trusted:  t.token() || meta.DefaultACLPolicy == "allow",
	}
	for _, p := range pairs {
		a.pairs = append(a.pairs, kvschema.Pair{Key: p.Key, Value: p.Value, CreateIndex: p.CreateIndex, ModifyIndex: p.ModifyIndex})
	}
	slices.SortFunc(a.pairs, byKey)
	return a
}

// mayRead reads a single key. Whether it exists does not matter: without permission
// the answer is 403, where a list is just empty.
func (t tree) mayRead(ctx context.Context, key string) (probe, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	_, _, err := t.kv.Get(key, (&api.QueryOptions{}).WithContext(ctx))
	switch {
	case err == nil:
		return readable, nil
	case statusCode(err) == http.StatusForbidden:
		return forbidden, nil
	default:
		return notProbed, fmt.Errorf("probe %s: %w", key, err)
	}
}

func byKey(a, b kvschema.Pair) int { return strings.Compare(a.Key, b.Key) }
