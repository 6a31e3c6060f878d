package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/consul/api"
)

// runFloor is the least that a program can do which carries a value from the KV store to
// the catalog through Consul's agent: it waits for one key, reads the tags, and registers
// one service. It compares nothing, guards nothing, and gives up at the first error.
func runFloor(ctx context.Context, args []string, _ io.Writer) error {
	flags := flag.NewFlagSet("floor", flag.ContinueOnError)
	consul := flags.String("consul", "", "`host:port` of the local agent")
	prefix := flags.String("prefix", "", "the `prefix` of the one key")
	port := flags.String("check", "", "`host:port` that the check dials")
	if err := flags.Parse(args); err != nil {
		return err
	}
	client, err := newClient(*consul)
	if err != nil {
		return err
	}
	var index uint64
	for {
		options := (&api.QueryOptions{AllowStale: true, WaitIndex: index, WaitTime: time.Minute}).WithContext(ctx)
		pairs, meta, err := client.KV().List(*prefix, options)
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
		r, err := floorRegistration(pairs[0], *port)
		if err != nil {
			return err
		}
		if err := client.Agent().ServiceRegisterOpts(r, api.ServiceRegisterOpts{}.WithContext(ctx)); err != nil {
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

// floorRegistration is as large as one of ours: what Consul makes of it should cost alike.
func floorRegistration(pair *api.KVPair, check string) (*api.AgentServiceRegistration, error) {
	var value struct {
		Metadata struct {
			Name, Namespace string
			Annotations     map[string]string
		}
		Spec struct {
			Ports []struct{ NodePort int }
		}
	}
	if err := json.Unmarshal(pair.Value, &value); err != nil {
		return nil, fmt.Errorf("read %s: %w", pair.Key, err)
	}
	tags := strings.Split(value.Metadata.Annotations["tags"], ",")
	for key, text := range value.Metadata.Annotations {
		if strings.HasPrefix(key, "traefik.") {
			tags = append(tags, key+"="+text)
		}
	}
	slices.Sort(tags)
	return registration(value.Metadata.Namespace, value.Metadata.Name, value.Spec.Ports[0].NodePort, tags, check), nil
}

// registration returns the payload that the floor registers with.
func registration(namespace, name string, port int, tags []string, check string) *api.AgentServiceRegistration {
	id := "k8s-registrar-floor." + namespace + "." + name + ".http"
	return &api.AgentServiceRegistration{
		ID: id, Name: name, Port: port, Tags: tags,
		Meta: map[string]string{
			"external-source": "kubernetes", "external-k8s-ns": namespace, "external-k8s-ref-kind": "Service",
			"external-k8s-ref-name": name, "managed-by": "k8s-registrar", "k8s-registrar-instance": "floor",
			"k8s-registrar-fingerprint": "0123456789abcdef0123456789abcdef",
			"k8s-registrar-created":     "12345", "k8s-registrar-key": "kubernetes/deployments/" + namespace + "/" + name,
		},
		Checks: api.AgentServiceChecks{{
			CheckID: "service:" + id, Name: "NodePort of " + name, TCP: check, Interval: "10s", Timeout: "2s",
			FailuresBeforeCritical: 2, Status: api.HealthPassing,
		}},
	}
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
