package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/k8s-registrar/k8s-registrar/agent"
	"github.com/k8s-registrar/k8s-registrar/config"
)

// maxTokenBytes bounds what is read of a token file.
const maxTokenBytes = 4 << 10

// connect returns the way to the local Consul agent. What the configuration leaves
// open is taken from the environment of Consul's own client, CONSUL_HTTP_ADDR and its
// kin. Nothing is sent.
func connect(cfg config.Consul) (agent.Consul, error) {
	settings := api.DefaultConfig()
	override(&settings.Address, cfg.Address)
	override(&settings.Token, cfg.Token.Reveal())
	override(&settings.TokenFile, cfg.TokenFile)
	override(&settings.TLSConfig.CAFile, cfg.CAFile)
	override(&settings.TLSConfig.CertFile, cfg.CertFile)
	override(&settings.TLSConfig.KeyFile, cfg.KeyFile)
	override(&settings.TLSConfig.Address, cfg.TLSServerName)
	if cfg.TokenFile != "" || cfg.Token.Reveal() == "" && settings.TokenFile != "" {
		token, err := readToken(settings.TokenFile)
		if err != nil {
			return agent.Consul{}, err
		}
		settings.Token = token
	}
	settings.TokenFile = "" // the client would read it once more
	settings.Transport = transport()
	if path, isSocket := strings.CutPrefix(settings.Address, "unix://"); isSocket {
		// The client's own way with sockets opens a new connection per request.
		settings.Address = "localhost"
		settings.Transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", path)
		}
	}
	client, err := api.NewClient(settings)
	if err != nil {
		return agent.Consul{}, fmt.Errorf("set up the Consul client: %w", err)
	}
	return agent.Consul{Client: client, Token: settings.Token != ""}, nil
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
		MaxIdleConnsPerHost: 8,
		IdleConnTimeout:     5 * time.Minute,
		ForceAttemptHTTP2:   true,
	}
}

// readToken reads a token file. An empty one would silently make us anonymous.
func readToken(path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("read token file: %w", err)
	}
	defer file.Close() //nolint:errcheck // it was only read
	text, err := io.ReadAll(io.LimitReader(file, maxTokenBytes))
	if err != nil {
		return "", fmt.Errorf("read token file: %w", err)
	}
	token := strings.TrimSpace(string(text))
	if token == "" {
		return "", errors.New("read token file: " + path + " is empty")
	}
	return token, nil
}
