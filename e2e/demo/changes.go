package main

import (
	"bytes"
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/consul/api"
)

// look is step 4.
func (d *demo) look(ctx context.Context) error {
	d.show.say("This is what Traefik reads, as the server answers it.")
	rows := [][]string{{"NAME", "ADDRESS", "PORT", "CHECK"}}
	for _, s := range d.services() {
		found, err := d.catalog.wait(ctx, s.name, sight{}, s.announces)
		if err != nil {
			return err
		}
		rows = append(rows, []string{s.name, found.Node.Address, strconv.Itoa(found.Service.Port), d.show.status(status(found))})
	}
	d.show.table(rows...)
	d.show.say("The tags of %s, made from its annotations:", d.echoserver.name)
	d.show.list(d.echoserver.tags()...) // these very tags were found
	return nil
}

// changeTag is step 5.
func (d *demo) changeTag(ctx context.Context) error {
	const before, after = "kubernetes,k8s,red", "kubernetes,k8s,blue"
	d.echoserver = d.echoserver.withTags(after)
	d.show.say("The annotation \"tags\" of %s becomes %q:", d.echoserver.name, after)
	d.show.list(d.show.paint(red, "- red"), d.show.paint(green, "+ blue"))
	write := func() error { return d.put(ctx, d.echoserver) }
	_, took, err := d.catalog.after(ctx, write, d.echoserver.name, d.echoserver.announces)
	if err != nil {
		return err
	}
	d.show.say("The catalog has it %s after the write of the key began.", short(took))
	return nil
}

// losePort is step 6.
func (d *demo) losePort(ctx context.Context) error {
	d.show.say("The port of %s closes. Consul dials it every second; two failures in a row count.", d.checkout.name)
	shut := func() error { return d.stage.closePort(d.checkout.name) }
	found, took, err := d.catalog.after(ctx, shut, d.checkout.name, withStatus(api.HealthCritical))
	if err != nil {
		return err
	}
	d.show.say("The check is %s after %s:", d.show.status(status(found)), short(took))
	d.show.list(checkOutput(found))
	if err := d.pooled(ctx, 0); err != nil {
		return err
	}
	d.show.say("Asked for what is passing, the catalog finds none: Traefik sends no request there.")
	d.show.say("The port opens again.")
	reopen := func() error { return d.stage.openPort(d.checkout.name, d.node().Address(), d.checkout.nodePort) }
	found, took, err = d.catalog.after(ctx, reopen, d.checkout.name, d.checkout.announces)
	if err != nil {
		return err
	}
	if err := d.pooled(ctx, 1); err != nil {
		return err
	}
	d.show.say("The check is %s after %s, and Traefik has its server back.", d.show.status(status(found)), short(took))
	return nil
}

// pooled checks how many instances of the shop a load balancer finds.
func (d *demo) pooled(ctx context.Context, want int) error {
	n, err := d.catalog.pool(ctx, d.checkout.name)
	if err == nil && n != want {
		err = fmt.Errorf("the catalog has %d passing %s, want %d", n, d.checkout.name, want)
	}
	return err
}

// breakValue is step 7.
func (d *demo) breakValue(ctx context.Context) error {
	key := d.grafana.key()
	value, err := d.grafana.value()
	if err != nil {
		return err
	}
	d.show.say("Somebody cuts the value of %s off in the middle.", key)
	if err := d.putValue(ctx, key, bytes.TrimSpace(value[:len(value)/2])); err != nil {
		return err
	}
	problem, err := d.problem(ctx, key)
	if err != nil {
		return err
	}
	d.show.say("%s names it:", d.agent.url("/status"))
	d.show.list(key, problem)
	if err := d.unharmed(ctx, d.grafana); err != nil {
		return err
	}
	if err := d.agent.ready(ctx); err != nil {
		return err
	}
	d.show.say("%s stays in the catalog as it was, and the agent stays ready.", d.grafana.name)
	rest(ctx)
	begun := time.Now()
	if err := d.put(ctx, d.grafana); err != nil {
		return err
	}
	if _, err := d.problem(ctx, ""); err != nil {
		return err
	}
	d.show.say("The value is mended; %s later /status names no problem.", short(time.Since(begun)))
	return nil
}

// unharmed checks that the catalog has the services as they should be.
func (d *demo) unharmed(ctx context.Context, services ...service) error {
	for _, s := range services {
		seen, err := d.catalog.ask(ctx, s.name, 0)
		if err != nil {
			return err
		}
		if !s.announces(seen.found) {
			return fmt.Errorf("the catalog has %s, want port %d, passing, tags %s",
				describe(s.name, seen.found), s.nodePort, strings.Join(s.tags(), " "))
		}
	}
	return nil
}

// problem waits until /status names the key as its only problem, or none if key is empty,
// and returns what it says.
func (d *demo) problem(ctx context.Context, key string) (string, error) {
	var said string
	err := poll(ctx, func() error {
		problems, err := d.agent.problems(ctx)
		if err != nil {
			return err
		}
		wrong := len(problems)
		if text, named := problems[key]; named {
			said = text
			wrong--
		} else if key != "" {
			return fmt.Errorf("/status does not name %s", key)
		}
		if wrong > 0 {
			return fmt.Errorf("/status names problems: %v", problems)
		}
		return nil
	})
	return said, err
}

// undeploy is step 8.
func (d *demo) undeploy(ctx context.Context) error {
	key := d.grafana.key()
	d.show.say("k8s-deployer deletes %s.", key)
	remove := func() error {
		if _, err := d.catalog.client.KV().Delete(key, (&api.WriteOptions{}).WithContext(ctx)); err != nil {
			return fmt.Errorf("delete key %s: %w", key, err)
		}
		return nil
	}
	_, took, err := d.catalog.after(ctx, remove, d.grafana.name, absent)
	if err != nil {
		return err
	}
	d.show.say("%s is gone from the catalog %s after the delete began.", d.grafana.name, short(took))
	return nil
}
