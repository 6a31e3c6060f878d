package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/k8s-registrar/k8s-registrar/agent"
	"github.com/k8s-registrar/k8s-registrar/config"
)

// connect returns the way to the local Consul agent. What the configuration leaves
// open is taken from the environment of Consul's own client, CONSUL_HTTP_ADDR and its
// kin. Nothing is sent.
func connect(cfg config.Consul) (agent.Consul, error) {
	settings := api.DefaultConfig()
	override(&settings.Address, cfg.Address)
	override(&settings.TLSConfig.CAFile, cfg.CAFile)
	override(&settings.TLSConfig.CertFile, cfg.CertFile)
	override(&settings.TLSConfig.KeyFile, cfg.KeyFile)
	override(&settings.TLSConfig.Address, cfg.TLSServerName)
	token, err := newToken(cfg, settings)
	if err != nil {
		return agent.Consul{}, codedError{exitRuntime, err} // it may be being replaced
	}
	settings.Token, settings.TokenFile = agent.TokenPlace, ""
	base := transport()
	if path, isSocket := strings.CutPrefix(settings.Address, "unix://"); isSocket {
		// The client's own way with sockets opens a new connection per request.
		settings.Address = "localhost"
		base.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", path)
		}
	}
	if settings.HttpClient, err = api.NewHttpClient(base, settings.TLSConfig); err != nil {
		return agent.Consul{}, fmt.Errorf("set up the Consul client: %w", err)
	}
	settings.HttpClient.Transport = token.Transport(settings.HttpClient.Transport)
	settings.HttpClient.CheckRedirect = sameHost
	client, err := api.NewClient(settings)
	if err != nil {
		return agent.Consul{}, fmt.Errorf("set up the Consul client: %w", err)
	}
	return agent.Consul{Client: client, Token: token}, nil
}

// errConnect gives an error of connect its exit code: a mistake in the configuration,
// unless it says something else.
func errConnect(err error) error {
	if coded, ok := errors.AsType[codedError](err); ok {
		return coded
	}
	return codedError{exitConfig, err}
}

// sameHost lets Consul correct a path, and keeps the token from going anywhere else.
func sameHost(request *http.Request, via []*http.Request) error {
	if len(via) >= 3 || request.URL.Host != via[0].URL.Host {
		return fmt.Errorf("redirected to %s: the Consul agent does not do that", request.URL.Host)
	}
	return nil
}

func override(setting *string, value string) {
	if value != "" {
		*setting = value
	}
}

// transport is tuned for an agent on the same machine: no proxy, no compression (it
// costs the agent more than the loopback saves), connections that are kept. There is
// no overall timeout, since blocking queries take minutes; every request has a
// deadline of its own.
func transport() *http.Transport {
	return &http.Transport{
		DialContext:         (&net.Dialer{Timeout: 2 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		TLSHandshakeTimeout: 5 * time.Second,
		DisableCompression:  true,
		MaxIdleConnsPerHost: 160, // a query that comes back waits again at once: see watch.queries
		IdleConnTimeout:     5 * time.Minute,
		ForceAttemptHTTP2:   true,
	}
}

// newToken returns the configured token, or the environment's.
func newToken(cfg config.Consul, environment *api.Config) (*agent.Token, error) {
	switch {
	case cfg.Token.Reveal() != "":
		return agent.NewToken(cfg.Token.Reveal()), nil
	case cfg.TokenFile != "":
		return agent.NewTokenFile(cfg.TokenFile)
	case environment.TokenFile != "":
		return agent.NewTokenFile(environment.TokenFile)
	default:
		return agent.NewToken(environment.Token), nil
	}
}
