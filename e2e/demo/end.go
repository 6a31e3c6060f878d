package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"time"
)

// plan is step 9.
func (d *demo) plan(ctx context.Context) error {
	d.show.say("The same program compares the tree with the node, and changes nothing.")
	d.show.list("k8s-registrar " + strings.Join(planArgs(), " "))
	var complaint strings.Builder
	cmd := d.agent.command(ctx, planArgs())
	cmd.Stderr = &complaint
	output, err := cmd.Output()
	text := strings.TrimSpace(string(output))
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return fmt.Errorf("plan ended with exit code %d, want 0: %s", exit.ExitCode(), strings.TrimSpace(text+"\n"+complaint.String()))
	}
	if err != nil {
		return fmt.Errorf("run plan: %w", err)
	}
	if !strings.HasPrefix(text, "Nothing to do") {
		return fmt.Errorf("plan says there is something left to do: %s", text)
	}
	d.show.say("It prints this, and its exit code is 0:")
	d.show.list(strings.Split(text, "\n")...)
	return nil
}

// keep leaves everything running until a signal comes.
func (d *demo) keep(ctx context.Context) error {
	d.show.end()
	d.show.title("Everything runs on. Have a look:")
	d.show.table(
		[]string{"Consul's UI", "http://" + d.agent.consul + "/ui/"},
		[]string{"Consul's API", "http://" + d.agent.consul + "/v1/catalog/services"},
		[]string{"the agent", d.agent.url("/")},
		[]string{"its status", d.agent.url("/status")},
		[]string{"its metrics", d.agent.url("/metrics")},
		[]string{"its log", d.stage.logFile()},
	)
	d.show.say("Or play with it, in another shell:")
	d.show.list(
		"export CONSUL_HTTP_ADDR="+d.agent.consul,
		"export K8S_REGISTRAR_CHECK_INTERVAL=1s K8S_REGISTRAR_CHECK_TIMEOUT=1s",
		d.options.registrar+" plan",
		d.options.consul+" kv get "+d.echoserver.key(),
		d.options.consul+" kv delete "+d.echoserver.key(),
		d.options.consul+" catalog services -tags",
	)
	d.show.title("Press Ctrl-C to end it.")
	<-ctx.Done()
	if !d.stage.agent.Running() {
		return context.Cause(ctx) // it was not a signal
	}
	return nil
}

// end is step 10.
func (d *demo) end(ctx context.Context) error {
	begun := time.Now()
	if err := stop(d.stage.agent); err != nil {
		return err
	}
	if state := d.stage.agent.State(); !state.Success() {
		return fmt.Errorf("the agent ended badly: %s", state)
	}
	d.show.say("The agent got a TERM and ended after %s.", short(time.Since(begun)))
	if !d.options.keep { // then somebody may have played with them
		if err := d.unharmed(ctx, d.echoserver, d.checkout); err != nil {
			return err
		}
		d.show.say("Its services stay in the catalog, guarded by their checks: a restart is no outage.")
	}
	if err := d.stage.clear(); err != nil {
		return err
	}
	d.show.say("Consul is stopped, and every file is removed.")
	return nil
}
