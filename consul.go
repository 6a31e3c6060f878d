package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/k8s-registrar/k8s-registrar/agent"
	"github.com/k8s-registrar/k8s-registrar/config"
)

// agentAddress is where Consul's agent listens if nobody says otherwise. Its client says
// localhost, for which a resolver may be asked, and may answer anything.
const agentAddress = "127.0.0.1:8500"

// connect returns the way to the local Consul agent. Nothing is sent.
func connect(cfg config.Consul) (agent.Consul, error) {
	settings := api.DefaultConfig()
	settings.Address = cmp.Or(cfg.Address, os.Getenv(api.HTTPAddrEnvName), agentAddress)
	access := accessOf(cfg, settings)
	token, err := newToken(access)
	if err != nil {
		return agent.Consul{}, codedError{exitRuntime, err} // it may be being replaced
	}
	dial := (&net.Dialer{Timeout: 2 * time.Second, KeepAlive: 30 * time.Second}).DialContext
	if path, isSocket := strings.CutPrefix(settings.Address, "unix://"); isSocket {
		// The client's own way with sockets opens a new connection per request.
		settings.Address = "localhost"
		dial = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", path)
		}
	}
	way, err := agent.NewTransport(access.TLS, func() *http.Transport { return transport(dial) })
	if err != nil {
		return agent.Consul{}, fmt.Errorf("set up the Consul client: %w", err)
	}
	settings.Token, settings.TokenFile = agent.TokenPlace, ""
	settings.TLSConfig = api.TLSConfig{}
	settings.HttpClient = &http.Client{Transport: token.Transport(way), CheckRedirect: sameHost}
	client, err := api.NewClient(settings)
	if err != nil {
		return agent.Consul{}, fmt.Errorf("set up the Consul client: %w", err)
	}
	return agent.Consul{Client: client, Token: token, Transport: way}, nil
}

// accessOf says what opens the agent. What the configuration leaves open is taken from
// the environment of Consul's own client, CONSUL_HTTP_TOKEN and its kin.
func accessOf(cfg config.Consul, environment *api.Config) agent.Access {
	access := agent.Access{TLS: agent.TLSFiles{
		CAFile:     environment.TLSConfig.CAFile,
		CAPath:     environment.TLSConfig.CAPath,
		CertFile:   environment.TLSConfig.CertFile,
		KeyFile:    environment.TLSConfig.KeyFile,
		ServerName: environment.TLSConfig.Address,
		Insecure:   environment.TLSConfig.InsecureSkipVerify,
	}}
	override(&access.TLS.CAFile, cfg.CAFile)
	override(&access.TLS.CertFile, cfg.CertFile)
	override(&access.TLS.KeyFile, cfg.KeyFile)
	override(&access.TLS.ServerName, cfg.TLSServerName)
	switch {
	case cfg.Token != config.Secret{}:
		access.Token = cfg.Token
	case cfg.TokenFile != "":
		access.TokenFile = cfg.TokenFile
	case environment.TokenFile != "":
		access.TokenFile = environment.TokenFile
	default:
		access.Token = config.NewSecret(environment.Token)
	}
	return access
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
func transport(dial func(ctx context.Context, network, address string) (net.Conn, error)) *http.Transport {
	return &http.Transport{
		DialContext:         dial,
		TLSHandshakeTimeout: 5 * time.Second,
		DisableCompression:  true,
		MaxIdleConnsPerHost: 160, // a query that comes back waits again at once: see watch.queries
		IdleConnTimeout:     5 * time.Minute,
		ForceAttemptHTTP2:   true,
	}
}

func newToken(access agent.Access) (*agent.Token, error) {
	if access.TokenFile != "" {
		return agent.NewTokenFile(access.TokenFile)
	}
	return agent.NewToken(access.Token.Reveal()), nil
}
