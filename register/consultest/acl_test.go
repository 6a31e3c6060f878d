package consultest_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/k8s-registrar/k8s-registrar/register/consultest"
)

const token = "token"

func TestKVUnderACL(t *testing.T) {
	grant := func(rules map[string]string) func(*consultest.Consul) {
		return func(c *consultest.Consul) { c.Grant(token, consultest.Rules{Key: rules}) }
	}
	tests := map[string]struct {
		setup    func(*consultest.Consul)
		token    string
		pairs    int
		filtered bool
		listCode int // of the list, if it is an error
		getCode  int // of the prefix itself as a single key
	}{
		"list":       {setup: grant(map[string]string{"d/": "list"}), token: token, pairs: 2},
		"read":       {setup: grant(map[string]string{"d/": "read"}), token: token, pairs: 2},
		"everything": {setup: grant(map[string]string{"": "write"}), token: token, pairs: 2},
		"part": {
			setup: grant(map[string]string{"d/ns1/": "read"}), token: token,
			pairs: 1, filtered: true, getCode: 403,
		},
		"all but a part": {
			setup: grant(map[string]string{"d/": "read", "d/ns1/": "deny"}), token: token,
			pairs: 1, filtered: true,
		},
		"no rule for keys": {setup: grant(nil), token: token, filtered: true, getCode: 403},
		"anonymous":        {setup: grant(nil), getCode: 403},
		"unknown token":    {setup: grant(nil), token: "other", listCode: 403, getCode: 403},
		"revoked": {
			setup: func(c *consultest.Consul) { c.Grant(token, consultest.Rules{}); c.Revoke(token) }, token: token,
			listCode: 403, getCode: 403,
		},
		"read, list policy": {
			setup: func(c *consultest.Consul) { c.RequireKeyList(true); grant(map[string]string{"d/": "read"})(c) },
			token: token, listCode: 403,
		},
		"list, list policy": {
			setup: func(c *consultest.Consul) { c.RequireKeyList(true); grant(map[string]string{"d/": "list"})(c) },
			token: token, pairs: 2,
		},
		"ACLs off again": {setup: (*consultest.Consul).AllowAll, token: "other", pairs: 2},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			c := consultest.New()
			c.SetKV("d/ns1/a", "1")
			c.SetKV("d/ns2/a", "1")
			want := index(t, c.Client(), "d/")
			c.DenyByDefault()
			test.setup(c)
			kv := c.ClientWithToken(test.token).KV()
			if test.token == "" {
				kv = c.Client().KV()
			}

			pairs, meta, err := kv.List("d/", nil)
			if test.listCode != 0 {
				wantCode(t, err, test.listCode)
			} else {
				if err != nil || len(pairs) != test.pairs || meta.ResultsFilteredByACLs != test.filtered {
					t.Errorf("List = %d pairs, filtered %v, %v", len(pairs), meta.ResultsFilteredByACLs, err)
				}
				if meta.LastIndex != want {
					t.Errorf("index = %d, want %d whatever is hidden", meta.LastIndex, want)
				}
			}

			_, _, err = kv.Get("d/", nil)
			if test.getCode != 0 {
				wantCode(t, err, test.getCode)
			} else if err != nil {
				t.Errorf("Get = %v, want no error", err)
			}
		})
	}
}

func TestDefaultPolicyHeader(t *testing.T) {
	c := consultest.New()
	client := c.Client()
	_, meta, err := client.KV().List("d/", nil)
	if err != nil || meta.DefaultACLPolicy != "allow" {
		t.Errorf("policy = %q, %v", meta.DefaultACLPolicy, err)
	}
	c.DenyByDefault()
	_, meta, err = client.KV().List("d/", nil)
	if err != nil || meta.DefaultACLPolicy != "deny" || meta.LastIndex == 0 || meta.ResultsFilteredByACLs {
		t.Errorf("meta = %+v, %v", meta, err)
	}
}

func TestWordsOfDenial(t *testing.T) {
	c := consultest.New()
	c.DenyByDefault()
	c.Grant(token, consultest.Rules{})
	_, _, err := c.ClientWithToken("other").KV().List("d/", nil)
	wantError(t, err, "403 (rpc error making call: ACL not found)")
	_, _, err = c.Client().KV().Get("d/", nil)
	wantError(t, err, "Permission denied: anonymous token lacks permission 'key:read' on \"d/\". The anonymous")
	_, _, err = c.ClientWithToken(token).KV().Get("d/", nil)
	wantError(t, err, "lacks permission 'key:read' on \"d/\"")
}

// The rights of a blocking query are those it started with.
func TestRevokeDuringQuery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := consultest.New()
		c.SetKV("deployments/ns/a", "1")
		c.DenyByDefault()
		c.Grant(token, consultest.Rules{Key: map[string]string{"deployments/": "read"}})
		client := c.ClientWithToken(token)
		result, _ := watching(t, client, api.QueryOptions{})
		c.Revoke(token)
		time.Sleep(time.Minute)
		c.SetKV("deployments/ns/a", "2")
		if got := <-result; got.err != nil || len(got.pairs) != 1 || got.took != time.Minute {
			t.Errorf("took %v with %d pairs, %v", got.took, len(got.pairs), got.err)
		}
		wantCode(t, watch(client, nil).err, 403)
	})
}

// A change that the token may not see wakes it all the same.
func TestHiddenChangeWakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := consultest.New()
		c.SetKV("deployments/ns/a", "1")
		c.DenyByDefault()
		result, asked := watching(t, c.Client(), api.QueryOptions{})
		c.SetKV("deployments/ns/a", "2")
		if got := <-result; got.meta.LastIndex <= asked || got.pairs != nil {
			t.Errorf("index %d after %d, pairs %v", got.meta.LastIndex, asked, got.pairs)
		}
	})
}

func TestAgentUnderACL(t *testing.T) {
	c := consultest.New()
	operator := c.Operator()
	register(t, operator, web())
	register(t, operator, &api.AgentServiceRegistration{ID: "other", Name: "other"})
	c.DenyByDefault()
	c.Grant(token, consultest.Rules{Service: map[string]string{"web": "write"}})

	ours := c.ClientWithToken(token)
	services, err := ours.Agent().Services()
	if err != nil || len(services) != 1 || services["k8s-web"] == nil {
		t.Errorf("services = %v, %v; want ours only", services, err)
	}
	wantCode(t, ours.Agent().ServiceDeregister("other"), 403)
	wantCode(t, ours.Agent().ServiceDeregister("nope"), 404)
	wantCode(t, ours.Agent().ServiceRegister(&api.AgentServiceRegistration{ID: "other", Name: "web"}), 403)
	wantCode(t, ours.Agent().EnableServiceMaintenance("other", ""), 403)
	if _, err := ours.Agent().Self(); err == nil {
		t.Error("self without agent:read succeeded")
	}
	if err := ours.Agent().ServiceDeregister("k8s-web"); err != nil {
		t.Errorf("deregister: %v", err)
	}

	services, err = c.Client().Agent().Services()
	if err != nil || len(services) != 0 {
		t.Errorf("anonymous: services = %v, %v; want none and no error", services, err)
	}
	if leader, err := c.ClientWithToken("unknown").Status().Leader(); leader == "" || err != nil {
		t.Errorf("leader = %q, %v; want it to be told to anyone", leader, err)
	}
}
