package main

import (
	"context"
	"flag"
	"io"

	"github.com/k8s-registrar/k8s-registrar/e2e/rival"
)

// runCareful is the careful one as a process of its own.
func runCareful(ctx context.Context, args []string, _ io.Writer) error {
	var careful rival.Careful
	flags := flag.NewFlagSet("careful", flag.ContinueOnError)
	consul := flags.String("consul", "", "`host:port` of the local agent")
	flags.StringVar(&careful.Prefix, "prefix", "", "the `prefix` of the tree")
	flags.StringVar(&careful.Address, "address", "", "the `host` that checks dial")
	flags.StringVar(&careful.Interval, "interval", "10s", "the `time` between two checks")
	if err := flags.Parse(args); err != nil {
		return err
	}
	var err error
	if careful.Client, err = newClient(*consul); err != nil {
		return err
	}
	return careful.Run(ctx)
}
