package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/k8s-registrar/k8s-registrar/e2e/measure"
)

// await follows a service in the servers' catalog, from an index on, until it is in its
// version there, or until it is absent if that is what is wanted.
func await(ctx context.Context, server *api.Client, s measure.Service, index uint64, present bool) error {
	for {
		options := (&api.QueryOptions{WaitIndex: index, WaitTime: time.Minute}).WithContext(ctx)
		found, meta, err := server.Catalog().Service(s.Name, "", options)
		if err != nil {
			return fmt.Errorf("look for %s in the catalog: %w", s.Name, err)
		}
		if visible(found, s) && present || len(found) == 0 && !present {
			return nil
		}
		if index = meta.LastIndex; index == 0 {
			return fmt.Errorf("look for %s in the catalog: the answer has no index", s.Name)
		}
	}
}

func visible(found []*api.CatalogService, s measure.Service) bool {
	return len(found) == 1 && slices.Contains(found[0].ServiceTags, s.Tag())
}

// index returns that of a service in the catalog.
func indexOf(ctx context.Context, server *api.Client, s measure.Service) (uint64, error) {
	_, meta, err := server.Catalog().Service(s.Name, "", (&api.QueryOptions{}).WithContext(ctx))
	if err != nil {
		return 0, fmt.Errorf("look for %s in the catalog: %w", s.Name, err)
	}
	return meta.LastIndex, nil
}

// awaitAll waits for one service after the other and returns how many are missing when the
// time is up. Those that are there already cost a fifth of a millisecond each, which is
// less than anything makes them in.
func awaitAll(ctx context.Context, server *api.Client, services []measure.Service, within time.Duration) (missing int, err error) {
	timely, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	for i, s := range services {
		err := await(timely, server, s, 0, true)
		switch {
		case err == nil:
		case ctx.Err() != nil:
			return 0, ctx.Err()
		case timely.Err() != nil:
			return countMissing(ctx, server, services[i:])
		default:
			return 0, err
		}
	}
	return 0, nil
}

func countMissing(ctx context.Context, server *api.Client, services []measure.Service) (missing int, err error) {
	for _, s := range services {
		found, _, err := server.Catalog().Service(s.Name, "", (&api.QueryOptions{}).WithContext(ctx))
		if err != nil {
			return 0, fmt.Errorf("look for %s in the catalog: %w", s.Name, err)
		}
		if !visible(found, s) {
			missing++
		}
	}
	return missing, nil
}
