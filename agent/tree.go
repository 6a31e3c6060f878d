package agent

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/k8s-registrar/k8s-registrar/kvschema"
)

const (
	// readTimeout bounds a read that does not block; for one that does it is what the
	// answer may take beyond the time that was asked for.
	readTimeout = 15 * time.Second
	// catchUp is how long a follower that lags may take to catch up.
	catchUp = 10 * time.Second
)

// tree reads a tree of Consul's key/value store. It decides nothing.
type tree struct {
	kv     *api.KV
	prefix string
	reader kvschema.Reader
	// token tells whether requests carry a token, see origin.trusted.
	token func() bool
}

// queryOptions say how an answer is to be had; those of a request are a copy.
type queryOptions = *api.QueryOptions

// origin is what an answer says about itself.
type origin struct {
	index uint64
	// leader is X-Consul-KnownLeader.
	leader bool
	// filtered is X-Consul-Results-Filtered-By-ACLs.
	filtered bool
	// trusted tells that filtering would have been reported: there was a token, or
	// ACLs allow by default. Consul does not tell an anonymous reader.
	trusted bool
}

// Reasons why an answer is not knowledge. They name the metric's label and tell
// what to do.
var (
	errNotKV     = errors.New("the answer carries no X-Consul-Index: is there a proxy between us and Consul?")
	errNoLeader  = errors.New("the Consul servers have no leader")
	errFiltered  = errors.New("ACLs hide a part of the tree: grant key_prefix list (or read) on all of it")
	errForbidden = errors.New("the token may not read the tree, which looks the same as an empty tree: grant key_prefix list (or read)")
)

// doubt says why an answer is not knowledge, whatever it says; nil if it may be.
func (o origin) doubt() error {
	switch {
	case o.index == 0:
		return errNotKV
	case !o.leader:
		return errNoLeader
	case o.filtered:
		return errFiltered
	}
	return nil
}

func (t tree) origin(meta *api.QueryMeta) origin {
	return origin{
		index:    meta.LastIndex,
		leader:   meta.KnownLeader,
		filtered: meta.ResultsFilteredByACLs,
		trusted:  t.token() || meta.DefaultACLPolicy == "allow",
	}
}

// inTime bounds a query that may wait. Consul adds up to a sixteenth of the wait, so that
// readers spread.
func inTime(ctx context.Context, options queryOptions) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, options.WaitTime+options.WaitTime/16+readTimeout)
}

// ask waits as past says, and returns the names right below the prefix and the index that is
// then current. The index is that of everything below, and the answer small.
func (t tree) ask(ctx context.Context, prefix string, options queryOptions) ([]string, uint64, error) {
	ctx, cancel := inTime(ctx, options)
	defer cancel()
	names, meta, err := t.kv.Keys(prefix, "/", options.WithContext(ctx))
	if err != nil {
		return nil, 0, fmt.Errorf("watch %s: %w", prefix, err)
	}
	return names, meta.LastIndex, nil
}

// past are the options of a query that waits until the index of what it is about passes the
// given one, or for about as long as wait. At a follower it survives the loss of the leader;
// one at the leader is stuck in retries for half a minute.
func past(index uint64, wait time.Duration) queryOptions {
	return &api.QueryOptions{WaitIndex: index, WaitTime: wait, AllowStale: true}
}

// since are the options of a read of what is true at an index or later. Asking for what
// comes after the index before makes a follower that lags wait until it has caught up.
func since(index uint64) queryOptions {
	return &api.QueryOptions{AllowStale: true, WaitIndex: index - 1, WaitTime: catchUp}
}

// consistent are the options of a read from a leader that has made sure that it is one.
func consistent() queryOptions { return &api.QueryOptions{RequireConsistent: true} }

// names lists every key of the tree.
func (t tree) names(ctx context.Context, options queryOptions) ([]string, origin, error) {
	ctx, cancel := context.WithTimeout(ctx, options.WaitTime+readTimeout)
	defer cancel()
	names, meta, err := t.kv.Keys(t.prefix, "", options.WithContext(ctx))
	if err != nil {
		return nil, origin{}, fmt.Errorf("list %s: %w", t.prefix, err)
	}
	return names, t.origin(meta), nil
}

// values is an answer with all values below a prefix.
type values struct {
	origin
	pairs api.KVPairs // sorted by Consul
}

// few tells whether to wait for the values themselves: they are at most fewBytes, and Consul
// would tell if it hid some. A reader who is not told has to ask again to find out.
func (v values) few() bool {
	var bytes int
	for _, p := range v.pairs {
		bytes += len(p.Value)
	}
	return v.trusted && bytes <= fewBytes
}

// read reads all keys that begin with a prefix.
func (t tree) read(ctx context.Context, prefix string, options queryOptions) (values, error) {
	ctx, cancel := inTime(ctx, options)
	defer cancel()
	pairs, meta, err := t.kv.List(prefix, options.WithContext(ctx))
	if err != nil {
		return values{}, fmt.Errorf("read %s: %w", prefix, err)
	}
	return values{t.origin(meta), pairs}, nil
}

// decode returns what an answer says, given what was known of the tree.
func (t tree) decode(v values, known []*kvschema.Reading) []*kvschema.Reading {
	readings := make([]*kvschema.Reading, 0, len(v.pairs))
	for _, p := range v.pairs {
		pair := kvschema.Pair{Key: p.Key, Value: p.Value, CreateIndex: p.CreateIndex, ModifyIndex: p.ModifyIndex}
		if reading, ours := t.reader.Read(pair, find(known, p.Key)); ours {
			readings = append(readings, reading)
		}
	}
	return readings
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
