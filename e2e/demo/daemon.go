package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"

	"github.com/k8s-registrar/k8s-registrar/agent"
	"github.com/k8s-registrar/k8s-registrar/e2e/child"
)

// A daemon is the agent as its operator sees it: a command line, an environment, URLs.
type daemon struct {
	binary, dir string
	consul      string // host:port of the local Consul agent
	telemetry   string // host:port
}

// settings are those that agent and plan must agree on: the check is part of what is
// compared.
func settings() []string { return []string{"--check-interval=1s", "--check-timeout=1s"} }

// agentArgs are the arguments that run it.
func (d *daemon) agentArgs() []string {
	return append([]string{"agent", "--telemetry-listen=" + d.telemetry}, settings()...)
}

// planArgs are the arguments that ask what is left to do.
func planArgs() []string { return append([]string{"plan", "--exit-code"}, settings()...) }

// command returns a command in an environment without CONSUL_* or K8S_REGISTRAR_*
// variables of whoever runs the demo.
func (d *daemon) command(ctx context.Context, args []string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, d.binary, args...)
	cmd.Dir = d.dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + d.dir, "TMPDIR=" + d.dir, "CONSUL_HTTP_ADDR=" + d.consul, "K8S_REGISTRAR_CONFIG="}
	return cmd
}

// launch runs the agent with its log in a file.
func (d *daemon) launch(ctx context.Context, log string) (*child.Process, error) {
	return child.Start(d.command(context.WithoutCancel(ctx), d.agentArgs()), log) // TERM ends it, not the context
}

// url returns where the agent serves path.
func (d *daemon) url(path string) string { return "http://" + d.telemetry + path }

// get returns what the agent answers, if that is 200.
func (d *daemon) get(ctx context.Context, path string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, d.url(path), nil)
	if err != nil {
		return nil, fmt.Errorf("get %s: %w", path, err)
	}
	response, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(request)
	if err != nil {
		return nil, err // it says "Get" and the URL
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = errors.New(strings.TrimSpace(string(body)))
	}
	if err != nil {
		return nil, fmt.Errorf("get %s: %w", path, err)
	}
	return body, nil
}

// ready returns no error if the agent says that it is ready.
func (d *daemon) ready(ctx context.Context) error {
	_, err := d.get(ctx, "/-/ready")
	return err
}

// problems returns what /status names as a problem, by key.
func (d *daemon) problems(ctx context.Context) (map[string]string, error) {
	body, err := d.get(ctx, "/status")
	if err != nil {
		return nil, err
	}
	var status agent.Status
	if err := json.Unmarshal(body, &status); err != nil {
		return nil, fmt.Errorf("decode /status: %w", err)
	}
	problems := map[string]string{}
	for _, p := range status.Problems {
		problems[p.Key] = p.Error
	}
	return problems, nil
}
