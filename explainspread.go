package main

import (
	"context"

	"github.com/hashicorp/go-hclog"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/k8s-registrar/k8s-registrar/agent"
	"github.com/k8s-registrar/k8s-registrar/config"
	"github.com/k8s-registrar/k8s-registrar/kvschema"
	"github.com/k8s-registrar/k8s-registrar/kvschema/kvtree"
)

// nameHolders adds to each view, in the order of the entries, which nodes announce it.
func nameHolders(ctx context.Context, cfg config.Config, entries []kvtree.Entry, views []explanation) error {
	consul, err := connect(cfg.Consul)
	if err != nil {
		return err
	}
	a := agent.New(cfg, consul, hclog.NewNullLogger(), prometheus.NewRegistry())
	reader := agent.ReaderOf(cfg)
	for i, entry := range entries {
		pair := kvschema.Pair{Key: entry.Key, Value: entry.Value, CreateIndex: entry.CreateIndex, ModifyIndex: entry.ModifyIndex}
		reading, _ := reader.Read(pair, nil)
		if service, asks := reading.Service(); asks {
			if views[i].Holders, err = a.Holders(ctx, service); err != nil {
				return err
			}
		}
	}
	return nil
}
