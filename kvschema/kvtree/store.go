package kvtree

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/k8s-registrar/k8s-registrar/kvschema"
)

// requestTimeout bounds each request. Without a leader Consul answers after 8 to 17 s.
const requestTimeout = 30 * time.Second

// ErrUnknown is the error of an answer that does not tell what the tree holds.
var ErrUnknown = errors.New("the answer does not tell what the tree holds")

// Store is the tree in Consul. Reading it takes key_prefix "list" on all of it, writing
// "write".
type Store struct {
	client *api.Client
	prefix string
}

// NewStore returns the tree below the prefix, see [kvschema.Prefix].
func NewStore(client *api.Client, prefix string) Store { return Store{client, prefix} }

// Read returns all that is below the prefix, from a leader that has made sure that it is
// one. A list that may not be read looks like an empty one, so a single key is read too:
// there Consul says so. An error that is not Consul's is [ErrUnknown].
func (s Store) Read(ctx context.Context) ([]kvschema.Pair, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	options := (&api.QueryOptions{RequireConsistent: true}).WithContext(ctx)
	list, meta, err := s.client.KV().List(s.prefix, options)
	if err == nil {
		_, _, err = s.client.KV().Get(s.prefix, options)
	}
	switch {
	case err != nil:
		return nil, fmt.Errorf("read %s: %w", s.prefix, err)
	case meta.LastIndex == 0:
		return nil, fmt.Errorf("read %s: %w: it is not from Consul's KV store", s.prefix, ErrUnknown)
	case meta.ResultsFilteredByACLs:
		return nil, fmt.Errorf("read %s: %w: ACLs hide a part of it, grant key_prefix list", s.prefix, ErrUnknown)
	}
	var pairs []kvschema.Pair
	for _, p := range list {
		pairs = append(pairs, kvschema.Pair{Key: p.Key, Value: p.Value, CreateIndex: p.CreateIndex, ModifyIndex: p.ModifyIndex})
	}
	return pairs, nil
}
