package consultest_test

import (
	"context"
	"errors"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/k8s-registrar/k8s-registrar/register/consultest"
)

func TestClientIgnoresTheEnvironment(t *testing.T) {
	for name, value := range map[string]string{
		"CONSUL_HTTP_ADDR":       "https://example.invalid:1",
		"CONSUL_HTTP_SSL":        "true",
		"CONSUL_HTTP_AUTH":       "user:password",
		"CONSUL_HTTP_TOKEN":      "from-the-environment",
		"CONSUL_HTTP_TOKEN_FILE": "/does/not/exist",
		"CONSUL_CACERT":          "/does/not/exist",
		"CONSUL_NAMESPACE":       "other",
	} {
		t.Setenv(name, value)
	}
	c := consultest.New()
	c.SetKV("a", "1")
	for name, client := range map[string]*api.Client{
		"":     c.Client(),
		"mine": c.ClientWithToken("mine"),
	} {
		before := len(c.Requests())
		if err := list(client, "a", nil); err != nil {
			t.Error(err)
		}
		if got := c.Requests()[before]; got.Token != name || got.Path != "/v1/kv/a" {
			t.Errorf("request = %+v, want token %q", got, name)
		}
	}
}

func TestTokenOfTheCallWins(t *testing.T) {
	c := consultest.New()
	if err := list(c.Client(), "a", &api.QueryOptions{Token: "call"}); err != nil {
		t.Fatal(err)
	}
	if got := c.Requests()[0].Token; got != "call" {
		t.Errorf("token = %q", got)
	}
}

func TestRequests(t *testing.T) {
	c := consultest.New()
	client := c.Client()
	register(t, client, web())
	register(t, c.Operator(), web())
	c.SetKV("a", "1")
	if _, _, err := client.KV().Keys("d/", "/", nil); err != nil {
		t.Fatal(err)
	}
	if err := client.Agent().ServiceDeregister("k8s-web"); err != nil {
		t.Fatal(err)
	}
	diff(t, []string{
		"PUT /v1/agent/service/register",
		"GET /v1/kv/d/?keys=&separator=%2F",
		"PUT /v1/agent/service/deregister/k8s-web",
	}, lines(c.Requests()))
	diff(t, []string{
		"PUT /v1/agent/service/register",
		"PUT /v1/agent/service/deregister/k8s-web",
	}, lines(c.Writes()))
}

func TestUnknownPathsAndMethods(t *testing.T) {
	client := consultest.New().Client()
	_, err := client.Raw().Query("/v1/nope", nil, nil)
	wantError(t, err, "404 (Invalid URL path: not a recognized HTTP API endpoint")
	_, err = client.Raw().Query("/v1/agent/service/register", nil, nil)
	wantError(t, err, "405 (method GET not allowed)")
}

// Over loopback it is the same Consul.
func TestServeHTTP(t *testing.T) {
	c := consultest.New()
	c.SetKV("deployments/ns/a", "1")
	server := httptest.NewServer(c)
	defer server.Close()
	client, err := api.NewClient(&api.Config{Address: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	asked := index(t, client, "deployments/")
	var query sync.WaitGroup
	query.Go(func() {
		got := watch(client, &api.QueryOptions{WaitIndex: asked})
		if got.err != nil || got.meta.LastIndex <= asked || len(got.pairs) != 2 {
			t.Errorf("index %d after %d, %d pairs, %v", got.meta.LastIndex, asked, len(got.pairs), got.err)
		}
	})
	c.SetKV("deployments/ns/b", "2")
	query.Wait()

	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	got := watch(client, (&api.QueryOptions{WaitIndex: 1000}).WithContext(ctx))
	if !errors.Is(got.err, context.DeadlineExceeded) {
		t.Errorf("error = %v, want a deadline", got.err)
	}
	c.Down()
	if err := list(client, "a", nil); err == nil {
		t.Error("an agent that is down answered")
	}
}
