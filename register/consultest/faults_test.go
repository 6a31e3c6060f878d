package consultest_test

import (
	"context"
	"errors"
	"io"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/k8s-registrar/k8s-registrar/register/consultest"
)

func TestFaults(t *testing.T) {
	tests := map[string]struct {
		fault      consultest.Fault
		err        string
		took       time.Duration
		registered bool
	}{
		"none":                 {consultest.Fault{}, "", 0, true},
		"delay":                {consultest.Fault{Delay: 7 * time.Second}, "", 7 * time.Second, true},
		"broken":               {consultest.Fault{Err: io.EOF}, "EOF", 0, false},
		"broken late":          {consultest.Fault{Err: io.EOF, Delay: time.Second}, "EOF", time.Second, false},
		"answer lost":          {consultest.Fault{Err: io.EOF, After: true}, "EOF", 0, true},
		"status":               {consultest.Fault{Status: 429, Body: "slow down"}, "429 (slow down)", 0, false},
		"status after":         {consultest.Fault{Status: 500, Body: "oh", After: true}, "500 (oh)", 0, true},
		"late":                 {consultest.Fault{Delay: time.Second, After: true}, "", time.Second, true},
		"longer than patience": {consultest.Fault{Delay: time.Minute}, "deadline exceeded", 15 * time.Second, false},
		"work done, no patience": {
			consultest.Fault{Delay: time.Minute, After: true}, "deadline exceeded", 15 * time.Second, true,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := consultest.New()
				c.Fault(consultest.On("PUT", "/v1/agent/service/", test.fault))
				ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second)
				defer cancel()
				start := time.Now()
				err := c.Client().Agent().ServiceRegisterOpts(web(), api.ServiceRegisterOpts{}.WithContext(ctx))
				if test.err != "" {
					wantError(t, err, test.err)
				} else if err != nil {
					t.Error(err)
				}
				if took := time.Since(start); took != test.took {
					t.Errorf("took %v, want %v", took, test.took)
				}
				if got := len(c.Services()) == 1; got != test.registered {
					t.Errorf("registered: %v, want %v", got, test.registered)
				}
				diff(t, []string{"PUT /v1/agent/service/register"}, lines(c.Writes()))
			})
		})
	}
}

func TestFaultRules(t *testing.T) {
	c := consultest.New()
	c.Fault(consultest.FirstOf(
		consultest.Times(2, consultest.On("", "/v1/kv/", consultest.Fault{Status: 500})),
		consultest.On("PUT", "/v1/", consultest.Fault{Status: 429}),
	))
	client := c.Client()
	wantCode(t, put(client, "a", "1"), 500)
	wantCode(t, list(client, "a", nil), 500)
	wantCode(t, put(client, "a", "1"), 429)
	wantCode(t, client.Agent().ServiceRegister(web()), 429)
	if err := list(client, "a", nil); err != nil {
		t.Errorf("list: %v", err)
	}
	if err := put(c.Operator(), "a", "1"); err != nil {
		t.Errorf("operator: %v", err)
	}
}

// An answer that does not come from Consul has no index; the client takes a 404 for an empty tree.
func TestProxyAnswerHasNoIndex(t *testing.T) {
	c := consultest.New()
	c.SetKV("deployments/ns/a", "1")
	c.Fault(consultest.On("GET", "/v1/kv/", consultest.Fault{Status: 404, Body: "no such host"}))
	got := watch(c.Client(), nil)
	if got.err != nil || got.pairs != nil || got.meta.LastIndex != 0 {
		t.Errorf("got %v, index %d, %v; want nothing, 0, no error", got.pairs, got.meta.LastIndex, got.err)
	}
}

func TestFaultInHeaders(t *testing.T) {
	c := consultest.New()
	c.SetKV("deployments/ns/a", "1")
	c.Fault(consultest.On("GET", "/v1/kv/", consultest.Fault{Header: map[string]string{
		"X-Consul-Index": "", "X-Consul-KnownLeader": "false",
	}}))
	got := watch(c.Client(), nil)
	if got.err != nil || len(got.pairs) != 1 || got.meta.LastIndex != 0 || got.meta.KnownLeader {
		t.Errorf("got %d pairs, %+v, %v", len(got.pairs), got.meta, got.err)
	}
}

func TestDownAndUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := consultest.New()
		client := c.Client()
		register(t, client, with(web(), func(r *api.AgentServiceRegistration) { r.Check.Status = "passing" }))
		result, _ := watching(t, client, api.QueryOptions{})
		time.Sleep(time.Second)
		c.Down()
		if got := <-result; !errors.Is(got.err, io.EOF) || got.took != time.Second {
			t.Errorf("under way: took %v, %v; want EOF after 1s", got.took, got.err)
		}
		if err := list(client, "a", nil); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("while down: %v, want connection refused", err)
		}
		c.Up()
		if err := list(client, "a", nil); err != nil {
			t.Errorf("up again: %v", err)
		}
		if got := c.Checks()["service:k8s-web"].Status; got != "critical" {
			t.Errorf("check is %s after the restart, want critical", got)
		}
		if got := c.CatalogChecks()["service:k8s-web"].Status; got != "critical" {
			t.Errorf("check is %s in the catalog, want critical", got)
		}
	})
}

// A restart may be over before anyone has looked.
func TestQuickRestartBreaksQueries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := consultest.New()
		result, _ := watching(t, c.Client(), api.QueryOptions{})
		c.Down()
		c.Up()
		if got := <-result; !errors.Is(got.err, io.EOF) {
			t.Errorf("error = %v, want EOF", got.err)
		}
	})
}

func TestWipe(t *testing.T) {
	c := consultest.New()
	register(t, c.Client(), web())
	c.Down()
	c.Wipe()
	c.Up()
	if len(c.Services())+len(c.CatalogServices())+len(c.CatalogChecks()) != 0 {
		t.Errorf("agent %v, catalog %v; want nothing", c.Services(), c.CatalogServices())
	}
}
