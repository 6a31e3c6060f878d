package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/k8s-registrar/k8s-registrar/agent"
	"github.com/k8s-registrar/k8s-registrar/config"
)

const (
	// maxStatusBytes bounds what is read of the daemon's status.
	maxStatusBytes = 64 << 20
	// askTimeout is how long the daemon may take to answer, which it does at once
	// whatever Consul does.
	askTimeout = 5 * time.Second
)

// askFlags say how to ask the daemon, where its configuration does not.
type askFlags struct {
	url, caFile, certFile, keyFile, user, passwordFile string
}

func askFlagsOf(c *cli.Context) askFlags {
	return askFlags{
		url: c.String("url"), caFile: c.String("ca-file"), certFile: c.String("cert-file"), keyFile: c.String("key-file"),
		user: c.String("user"), passwordFile: c.String("password-file"),
	}
}

// asker asks the daemon for its status.
type asker struct {
	url            string
	user, password string
	client         *http.Client
}

// newAsker returns one that asks the daemon of this configuration, or the one at a URL.
func newAsker(telemetry config.Telemetry, flags askFlags) (asker, error) {
	a := asker{url: strings.TrimSuffix(flags.url, "/"), user: flags.user}
	settings := &tls.Config{}
	if a.url == "" {
		web, err := agent.ReadWebConfig(telemetry)
		if err != nil {
			return a, fmt.Errorf("find the daemon: %w: if you may not read that, say --url", err)
		}
		if a.url, err = localURL(telemetry.Listen, web.TLS); err != nil {
			return a, err
		}
		if web.TLS {
			settings = pinned(web.Certificate)
		}
	}
	if err := flags.certificates(settings); err != nil {
		return a, err
	}
	if flags.passwordFile != "" {
		text, err := os.ReadFile(flags.passwordFile)
		if err != nil {
			return a, fmt.Errorf("read password: %w", err)
		}
		a.password = strings.TrimSpace(string(text))
	}
	a.client = &http.Client{Transport: &http.Transport{TLSClientConfig: settings, DisableKeepAlives: true}} // no proxy
	return a, nil
}

// localURL is where a listener of this machine is reached.
func localURL(listen string, secure bool) (string, error) {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return "", errors.New("find the daemon: telemetry.listen is empty, so it serves nothing")
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1" // and not localhost, for which a resolver may be asked
	}
	scheme := "http"
	if secure {
		scheme = "https"
	}
	return scheme + "://" + net.JoinHostPort(host, port), nil
}

// pinned trusts one certificate, whatever name is in it: that of the daemon on this very
// machine, which is in its own configuration.
func pinned(certificate *x509.Certificate) *tls.Config {
	return &tls.Config{
		InsecureSkipVerify: true,
		VerifyConnection: func(state tls.ConnectionState) error {
			if !bytes.Equal(state.PeerCertificates[0].Raw, certificate.Raw) {
				return errors.New("it shows another certificate than the one in its web configuration")
			}
			return nil
		},
	}
}

// certificates adds those that the flags name.
func (f askFlags) certificates(settings *tls.Config) error {
	if f.caFile != "" {
		text, err := os.ReadFile(f.caFile)
		if err != nil {
			return fmt.Errorf("read authority: %w", err)
		}
		settings.RootCAs = x509.NewCertPool()
		if !settings.RootCAs.AppendCertsFromPEM(text) {
			return fmt.Errorf("read authority: there is no certificate in %s", f.caFile)
		}
		settings.InsecureSkipVerify, settings.VerifyConnection = false, nil
	}
	if f.certFile != "" || f.keyFile != "" {
		pair, err := tls.LoadX509KeyPair(f.certFile, f.keyFile)
		if err != nil {
			return fmt.Errorf("read certificate: %w", err)
		}
		settings.Certificates = []tls.Certificate{pair}
	}
	return nil
}

// status asks once.
func (a asker) status(ctx context.Context) (agent.Status, error) {
	var status agent.Status
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, a.url+"/status", nil)
	if err != nil {
		return status, fmt.Errorf("ask the daemon: %w", err)
	}
	if a.user != "" {
		request.SetBasicAuth(a.user, a.password)
	}
	response, err := a.client.Do(request)
	if err != nil {
		return status, fmt.Errorf("ask the daemon: %w", err)
	}
	defer response.Body.Close() //nolint:errcheck // it was only read
	switch response.StatusCode {
	case http.StatusOK:
	case http.StatusUnauthorized:
		return status, errors.New("ask the daemon: it wants a password: say --user and --password-file")
	default:
		return status, fmt.Errorf("ask the daemon: %s answers %s", a.url, response.Status)
	}
	body := http.MaxBytesReader(nil, response.Body, maxStatusBytes)
	if err := json.NewDecoder(body).Decode(&status); err != nil {
		return status, fmt.Errorf("read the daemon's status: %w", err)
	}
	return status, nil
}
