package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/consul/api"

	"github.com/k8s-registrar/k8s-registrar/e2e/measure"
	"github.com/k8s-registrar/k8s-registrar/e2e/rival"
)

// The names of the contenders, each of which is a fleet of its own.
const (
	oursName    = "ours"
	floorName   = "floor"
	carefulName = "careful"
)

// contenderNames are all of them, in the order of the tables.
func contenderNames() []string { return []string{oursName, floorName, carefulName} }

// parseContenders reads names that are separated by commas.
func parseContenders(text string, copies int) ([]string, error) {
	names := strings.Split(text, ",")
	for _, name := range names {
		if !slices.Contains(contenderNames(), name) {
			return nil, fmt.Errorf("contenders: there is no %q, only %s", name, strings.Join(contenderNames(), ", "))
		}
		if name != oursName && copies > 0 {
			return nil, errors.New("contenders: all but ours announce everything from each node, which -copies is not for")
		}
	}
	return names, nil
}

// program returns what runs on a node: the contender of this fleet.
func (f *fleet) program(n *node) (func(context.Context) error, error) {
	if f.contender == oursName {
		a, err := f.newAgent(n)
		if err != nil {
			return nil, err
		}
		return a.Run, nil
	}
	client, err := api.NewClient(&api.Config{Address: "stand-in", HttpClient: newHTTPClient(n)})
	if err != nil {
		return nil, fmt.Errorf("make client: %w", err)
	}
	if f.contender == carefulName {
		careful := &rival.Careful{Client: client, Prefix: keyPath + "/deployments/", Address: n.address, Interval: "10s"}
		return careful.Run, nil
	}
	watched, others := f.services[0], f.services[1:]
	floor := rival.Floor{Client: client, Prefix: watched.Key(keyPath), Check: checkOf(n, watched)}
	return func(ctx context.Context) error {
		if err := registerAll(ctx, client, n, others); err != nil {
			return err
		}
		return floor.Run(ctx)
	}, nil
}

// registerAll gives a node of the floor the services that it does not watch: what a
// registration costs the servers grows with how many a node has.
func registerAll(ctx context.Context, client *api.Client, n *node, services []measure.Service) error {
	for _, s := range services {
		r := rival.Registration(s.Namespace, s.Name, s.Port, s.Tags(), checkOf(n, s))
		if err := client.Agent().ServiceRegisterOpts(r, api.ServiceRegisterOpts{}.WithContext(ctx)); err != nil {
			return fmt.Errorf("register %s: %w", s.Name, err)
		}
	}
	return nil
}

// checkOf returns what the check of a service dials. Stand-ins probe nothing.
func checkOf(n *node, s measure.Service) string { return fmt.Sprintf("%s:%d", n.address, s.Port) }

// changing returns the services that change one by one: the floor watches no other than the
// first.
func (f *fleet) changing() []measure.Service {
	if f.contender == floorName {
		return f.services[:1]
	}
	return f.services
}
