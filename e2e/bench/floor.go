package main

import (
	"context"
	"flag"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/k8s-registrar/k8s-registrar/e2e/rival"
)

// runFloor is the floor as a process of its own.
func runFloor(ctx context.Context, args []string, _ io.Writer) error {
	var floor rival.Floor
	flags := flag.NewFlagSet("floor", flag.ContinueOnError)
	consul := flags.String("consul", "", "`host:port` of the local agent")
	flags.StringVar(&floor.Prefix, "prefix", "", "the `prefix` of the one key")
	flags.StringVar(&floor.Check, "check", "", "`host:port` that the check dials")
	if err := flags.Parse(args); err != nil {
		return err
	}
	var err error
	if floor.Client, err = newClient(*consul); err != nil {
		return err
	}
	return floor.Run(ctx)
}

// newClient returns a client for an agent on the same machine, without a token.
func newClient(address string) (*api.Client, error) {
	return api.NewClient(&api.Config{
		Address: address,
		HttpClient: &http.Client{Transport: &http.Transport{
			DialContext:         (&net.Dialer{Timeout: 2 * time.Second}).DialContext,
			DisableCompression:  true,
			MaxIdleConnsPerHost: 32,
		}},
	})
}
