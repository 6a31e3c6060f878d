package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/k8s-registrar/k8s-registrar/e2e/consulproc"
)

const nodeName = "node-1"

// startConsul is step 1.
func (d *demo) startConsul(ctx context.Context) error {
	d.show.say("A server, and the client agent of a Kubernetes node, %s.", nodeName)
	begun := time.Now()
	var err error
	if d.stage.dir, err = os.MkdirTemp("", "k8s-registrar-demo-"); err != nil {
		return fmt.Errorf("make directory: %w", err)
	}
	ui := map[string]any{"ui_config": map[string]any{"enabled": true}}
	if d.stage.cluster, err = consulproc.Start(ctx, consulproc.Options{Binary: d.options.consul, Config: ui}); err != nil {
		return err
	}
	node, err := d.stage.cluster.AddClient(ctx, consulproc.Node{Name: nodeName})
	if err != nil {
		return err
	}
	server := d.stage.cluster.Servers()[0]
	if d.catalog.client, err = server.Client(""); err != nil {
		return err
	}
	d.show.table([]string{"server", server.HTTPAddr()}, []string{nodeName, node.HTTPAddr()})
	d.show.say("Both are ready after %s.", short(time.Since(begun)))
	return nil
}

// node returns the Consul agent of the node.
func (d *demo) node() *consulproc.Process { return d.stage.cluster.Clients()[0] }

// deploy is step 2.
func (d *demo) deploy(ctx context.Context) error {
	d.echoserver, d.checkout, d.grafana = echoserver(), checkout(), grafana()
	d.show.say("k8s-deployer writes one key for each Service; its value is the Service in JSON.")
	var rows [][]string
	for _, s := range []*service{&d.echoserver, &d.grafana, &d.checkout} {
		if err := d.openNodePort(s); err != nil {
			return err
		}
		if err := d.put(ctx, *s); err != nil {
			return err
		}
		rows = append(rows, []string{s.key(), fmt.Sprintf("NodePort %d", s.nodePort)})
	}
	d.show.table(rows...)
	d.show.say("The ports are open on %s, where kube-proxy would have them.", d.node().Address())
	for _, s := range d.services() {
		seen, err := d.catalog.ask(ctx, s.name, 0)
		if err != nil {
			return err
		}
		if !absent(seen.found) {
			return fmt.Errorf("the catalog has %s before the agent runs", describe(s.name, seen.found))
		}
	}
	d.show.say("Consul's catalog has none of them yet.")
	return nil
}

// services returns all three by name.
func (d *demo) services() []service { return []service{d.checkout, d.echoserver, d.grafana} }

// openNodePort finds the service a NodePort and opens it.
func (d *demo) openNodePort(s *service) error {
	const first, last = 30080, 32767 // the range of NodePorts, from where it looks familiar
	address := d.node().Address()
	port, err := freePort(address, first, last)
	if err != nil {
		return err
	}
	s.nodePort = port
	return d.stage.openPort(s.name, address, port)
}

// put writes a Service into the tree.
func (d *demo) put(ctx context.Context, s service) error {
	value, err := s.value()
	if err != nil {
		return err
	}
	return d.putValue(ctx, s.key(), value)
}

// putValue writes anything into the tree.
func (d *demo) putValue(ctx context.Context, key string, value []byte) error {
	_, err := d.catalog.client.KV().Put(&api.KVPair{Key: key, Value: value}, (&api.WriteOptions{}).WithContext(ctx))
	if err != nil {
		return fmt.Errorf("write key %s: %w", key, err)
	}
	return nil
}

// startAgent is step 3. Should the agent end before its time, cancel ends the story.
func (d *demo) startAgent(ctx context.Context, cancel context.CancelCauseFunc) error {
	const first, last = 28600, 28699
	port, err := freePort(d.node().Address(), first, last)
	if err != nil {
		return err
	}
	d.agent = &daemon{
		binary:    d.options.registrar,
		dir:       d.stage.dir,
		consul:    d.node().HTTPAddr(),
		telemetry: join(d.node().Address(), port),
	}
	d.show.say("It talks to the Consul agent of its own node only. For this demo its checks run every second.")
	d.show.list("CONSUL_HTTP_ADDR="+d.agent.consul, "k8s-registrar "+strings.Join(d.agent.agentArgs(), " "))
	begun := time.Now()
	agent, err := d.agent.launch(ctx, d.stage.logFile())
	if err != nil {
		return err
	}
	d.stage.agent = agent
	go func() {
		<-agent.Gone()
		cancel(fmt.Errorf("the agent ended by itself: %v", agent.State()))
	}()
	if err := poll(ctx, func() error { return d.agent.ready(ctx) }); err != nil {
		return err
	}
	d.show.say("%s says ready after %s.", d.agent.url("/-/ready"), short(time.Since(begun)))
	return nil
}
