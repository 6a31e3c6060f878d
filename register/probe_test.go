package register_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/k8s-registrar/k8s-registrar/health"
	"github.com/k8s-registrar/k8s-registrar/kvschema"
	"github.com/k8s-registrar/k8s-registrar/register"
)

// dials is a network for [register.Local].
type dials struct {
	dead, silent map[string]bool // addresses
	begun, open  atomic.Int64
}

func (d *dials) dial(ctx context.Context, network, address string) (net.Conn, error) {
	d.begun.Add(1)
	switch {
	case network != "tcp":
		panic(network)
	case d.dead[address]:
		return nil, errors.New("connection refused")
	case d.silent[address]:
		<-ctx.Done()
		return nil, ctx.Err()
	}
	d.open.Add(1)
	return conn{closed: func() { d.open.Add(-1) }}, nil
}

type conn struct {
	net.Conn
	closed func()
}

func (c conn) Close() error { c.closed(); return nil }

// probing is a plan for the services with an initial status.
func (r *rig) probing(status string, services ...kvschema.Service) register.Plan {
	r.Helper()
	m := mapping
	m.Health.InitialStatus = status
	d, problems := m.Desired(treeOf(services...), node1)
	equal(r, 0, len(problems))
	return register.Diff(d, r.actual())
}

// TestFirstStatus is what a service is announced with until its first check.
func TestFirstStatus(t *testing.T) {
	for _, tt := range []struct {
		what   string
		status string
		dials  *dials
		want   string
		dialed int64
	}{
		{"live port", health.Probe, &dials{}, "passing", 1},
		{"dead port", health.Probe, &dials{dead: map[string]bool{"10.0.0.1:30001": true}}, "critical", 1},
		{"silent port", health.Probe, &dials{silent: map[string]bool{"10.0.0.1:30001": true}}, "critical", 1},
		{"passing is given", api.HealthPassing, &dials{}, "passing", 0},
		{"critical is given", api.HealthCritical, &dials{}, "critical", 0},
	} {
		t.Run(tt.what, func(t *testing.T) {
			bubble(t, func(r *rig) {
				r.local.Dial = tt.dials.dial
				plan := r.probing(tt.status, service("shop/cart", 30001), service("shop/dns", 30053, withProtocol("UDP")))
				before := encoded(r, plan)
				report := r.local.Apply(r.Context(), plan, nil)
				equal(r, []string{"add shop.cart.http", "add shop.dns.http"}, said(report))
				equal(r, tt.want, r.consul.Checks()[prefix+"shop.cart.http.tcp"].Status)
				equal(r, []int64{tt.dialed, 0}, []int64{tt.dials.begun.Load(), tt.dials.open.Load()})
				equal(r, before, encoded(r, plan)) // what was seen is not what is wanted
				if left := r.probing(tt.status, service("shop/cart", 30001), service("shop/dns", 30053, withProtocol("UDP"))); !left.Empty() {
					r.Errorf("what was seen makes a difference: %v", left)
				}
			})
		})
	}
}

// TestUpdateIsNotDialled: Consul keeps the status of a check that it knows.
func TestUpdateIsNotDialled(t *testing.T) {
	bubble(t, func(r *rig) {
		r.local.Apply(r.Context(), r.probing(health.Probe), nil)
		network := &dials{}
		r.local.Dial = network.dial
		r.local.Apply(r.Context(), r.probing(health.Probe, service("shop/cart", 30001)), nil)
		const check = prefix + "shop.cart.http.tcp"
		r.consul.SetCheck(check, api.HealthWarning, "so so")

		report := r.local.Apply(r.Context(), r.probing(health.Probe, service("shop/cart", 30002)), nil)
		equal(r, []string{"update shop.cart.http"}, said(report))
		equal(r, int64(1), network.begun.Load())
		equal(r, "warning so so", r.consul.Checks()[check].Status+" "+r.consul.Checks()[check].Output)
	})
}

// TestLostCheckIsDialled: a check that somebody removed begins anew, and would take a
// live service out of the load balancers until its first probe.
func TestLostCheckIsDialled(t *testing.T) {
	bubble(t, func(r *rig) {
		network := &dials{}
		r.local.Dial = network.dial
		r.local.Apply(r.Context(), r.probing(health.Probe, service("shop/cart", 30001)), nil)
		const check = prefix + "shop.cart.http.tcp"
		if err := r.consul.Operator().Agent().CheckDeregister(check); err != nil {
			r.Fatal(err)
		}
		report := r.local.Apply(r.Context(), r.probing(health.Probe, service("shop/cart", 30001)), nil)
		equal(r, []string{"update shop.cart.http"}, said(report))
		equal(r, "passing", r.consul.Checks()[check].Status)
	})
}

func TestRemovalIsNotDialled(t *testing.T) {
	bubble(t, func(r *rig) {
		r.converge(service("shop/cart", 30001))
		report := r.local.Apply(r.Context(), r.probing(health.Probe), nil) // no dial is expected
		equal(r, []string{"remove shop.cart.http"}, said(report))
	})
}

// TestSilentPortsHoldNobodyUp: they are dialled all at once, and a live one beside
// them is registered with them.
func TestSilentPortsHoldNobodyUp(t *testing.T) {
	for _, tt := range []struct {
		services int
		want     time.Duration
	}{
		{1, time.Second},
		{10, time.Second},
		{200, 4 * time.Second}, // in parts, so as not to dial them all at once
	} {
		t.Run(fmt.Sprint(tt.services), func(t *testing.T) {
			bubble(t, func(r *rig) {
				services := many(tt.services)
				network := &dials{silent: map[string]bool{}}
				for _, s := range services[1:] {
					network.silent[fmt.Sprintf("10.0.0.1:%d", s.Ports[0].NodePort)] = true
				}
				if tt.services == 1 {
					network.silent["10.0.0.1:30000"] = true
				}
				r.local.Dial = network.dial
				var report register.Report
				equal(r, tt.want, took(func() { report = r.local.Apply(r.Context(), r.probing(health.Probe, services...), nil) }))
				equal(r, tt.services, report.Done(register.Add))
				equal(r, int64(tt.services), network.begun.Load())
			})
		})
	}
}

// TestFirstStatusOfAnHTTPCheck is what the check will see: not that the port is open.
func TestFirstStatusOfAnHTTPCheck(t *testing.T) {
	for answer, want := range map[string]string{
		"HTTP/1.1 200 OK":                  "passing",
		"HTTP/1.1 204 No Content":          "passing",
		"HTTP/1.1 429 Too Many Requests":   "warning",
		"HTTP/1.1 503 Service Unavailable": "critical",
		"SSH-2.0-OpenSSH_9.9":              "critical",
		"":                                 "critical",
	} {
		t.Run(answer, func(t *testing.T) {
			bubble(t, func(r *rig) {
				var asked string
				r.local.Dial = func(context.Context, string, string) (net.Conn, error) {
					here, there := net.Pipe()
					go func() {
						defer there.Close()
						if request, err := http.ReadRequest(bufio.NewReader(there)); err == nil && answer != "" {
							asked = request.Host + request.URL.String()
							fmt.Fprintf(there, "%s\r\nContent-Length: 0\r\n\r\n", answer)
						}
					}()
					return here, nil
				}
				cart := service("shop/cart", 30001, func(s *kvschema.Service) {
					s.Check = &kvschema.Check{Kind: "http", Path: "/ok", Host: "cart.example.com"}
				})
				r.local.Apply(r.Context(), r.probing(health.Probe, cart), nil)
				equal(r, want, r.consul.Checks()[prefix+"shop.cart.http.http"].Status)
				if answer != "" {
					equal(r, "cart.example.com/ok", asked)
				}
			})
		})
	}
}

// TestGRPCCheckBeginsAsConsulHasIt: nobody has asked yet.
func TestGRPCCheckBeginsAsConsulHasIt(t *testing.T) {
	bubble(t, func(r *rig) {
		cart := service("shop/cart", 30001, withCheck(func(c *kvschema.Check) { c.Kind = "grpc" }))
		r.local.Apply(r.Context(), r.probing(health.Probe, cart), nil) // dials nothing
		equal(r, "critical", r.consul.Checks()[prefix+"shop.cart.http.grpc"].Status)
	})
}
