package rival

import (
	"context"
	"errors"
	"time"

	"github.com/hashicorp/consul/api"
)

// Floor is the least that a program can do which carries a value from the KV store to the
// catalog through Consul's agent: it waits for one key, reads the tags, and registers one
// service. It compares nothing, guards nothing, and gives up at the first error.
type Floor struct {
	Client *api.Client
	Prefix string // of the one key
	Check  string // host:port that the check dials
}

// Run carries until the context ends, which is no error.
func (f Floor) Run(ctx context.Context) error {
	var index uint64
	for {
		options := (&api.QueryOptions{AllowStale: true, WaitIndex: index, WaitTime: time.Minute}).WithContext(ctx)
		pairs, meta, err := f.Client.KV().List(f.Prefix, options)
		if err != nil {
			return endOf(ctx, err)
		}
		if len(pairs) != 1 {
			return errors.New("the floor serves one key")
		}
		if meta.LastIndex == index {
			continue
		}
		index = meta.LastIndex
		r, err := carried(pairs[0], f.Check)
		if err != nil {
			return err
		}
		if err := f.Client.Agent().ServiceRegisterOpts(r, api.ServiceRegisterOpts{}.WithContext(ctx)); err != nil {
			return endOf(ctx, err)
		}
	}
}

// endOf returns err unless it came of the end of the program.
func endOf(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}
