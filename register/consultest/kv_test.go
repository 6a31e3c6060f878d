package consultest_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/hashicorp/consul/api"

	"github.com/k8s-registrar/k8s-registrar/register/consultest"
)

// index returns the X-Consul-Index of a prefix.
func index(t *testing.T, client *api.Client, prefix string) uint64 {
	t.Helper()
	_, meta, err := client.KV().List(prefix, nil)
	if err != nil {
		t.Fatalf("List(%q): %v", prefix, err)
	}
	return meta.LastIndex
}

func TestIndexOfPrefix(t *testing.T) {
	tests := map[string]struct {
		prefix string
		change func(*consultest.Consul)
		rises  bool
	}{
		"new key":                  {"a/", func(c *consultest.Consul) { c.SetKV("a/2", "x") }, true},
		"new value":                {"a/", func(c *consultest.Consul) { c.SetKV("a/1", "y") }, true},
		"same value":               {"a/", func(c *consultest.Consul) { c.SetKV("a/1", "x") }, false},
		"lock taken":               {"a/", func(c *consultest.Consul) { c.TouchKV("a/1") }, true},
		"delete":                   {"a/", func(c *consultest.Consul) { c.DeleteKV("a/1") }, true},
		"delete of nothing":        {"a/", func(c *consultest.Consul) { c.DeleteKV("a/9") }, false},
		"delete tree":              {"a/", func(c *consultest.Consul) { c.Deltree("a/") }, true},
		"delete tree above":        {"a/b/", func(c *consultest.Consul) { c.Deltree("a/") }, true},
		"delete tree of nothing":   {"a/", func(c *consultest.Consul) { c.Deltree("z/") }, false},
		"sibling":                  {"a/", func(c *consultest.Consul) { c.SetKV("ab/1", "x") }, false},
		"sibling without slash":    {"a", func(c *consultest.Consul) { c.SetKV("ab/1", "x") }, true},
		"elsewhere, whole tree":    {"", func(c *consultest.Consul) { c.SetKV("z/1", "x") }, true},
		"elsewhere, no such tree":  {"none/", func(c *consultest.Consul) { c.SetKV("z/1", "x") }, true},
		"elsewhere, deleted tree":  {"gone/", func(c *consultest.Consul) { c.SetKV("z/1", "x") }, false},
		"identical, no such tree":  {"none/", func(c *consultest.Consul) { c.SetKV("a/1", "x") }, false},
		"registration of services": {"", func(c *consultest.Consul) { c.FullSync() }, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			c := consultest.New()
			c.SetKV("a/1", "x")
			c.SetKV("a/b/1", "x")
			c.SetKV("gone/1", "x")
			c.DeleteKV("gone/1")
			client := c.Client()
			before := index(t, client, test.prefix)
			test.change(c)
			after := index(t, client, test.prefix)
			if rises := after > before; rises != test.rises || after < before {
				t.Errorf("index of %q went from %d to %d, want rise: %v", test.prefix, before, after, test.rises)
			}
		})
	}
}

func TestIndexOfEmptyTreeIsOne(t *testing.T) {
	if got := index(t, consultest.New().Client(), "a/"); got != 1 {
		t.Errorf("index = %d, want 1: 0 would never block", got)
	}
}

func TestReapedTombstonesLowerTheIndex(t *testing.T) {
	c := consultest.New()
	c.SetKV("a/1", "x")
	c.SetKV("a/2", "x")
	c.DeleteKV("a/2")
	client := c.Client()
	before := index(t, client, "a/")
	c.ReapTombstones()
	if after := index(t, client, "a/"); after >= before {
		t.Errorf("index went from %d to %d, want it to fall", before, after)
	}
}

func TestGetPutDelete(t *testing.T) {
	kv := consultest.New().Client().KV()
	if _, err := kv.Put(&api.KVPair{Key: "a/1", Value: []byte{0, 0xff}, Flags: 7}, nil); err != nil {
		t.Fatal(err)
	}
	pair, meta, err := kv.Get("a/1", nil)
	if err != nil || pair == nil {
		t.Fatalf("Get = %v, %v", pair, err)
	}
	if string(pair.Value) != "\x00\xff" || pair.Flags != 7 || pair.ModifyIndex != meta.LastIndex {
		t.Errorf("Get = %+v with index %d", pair, meta.LastIndex)
	}
	if !meta.KnownLeader || meta.LastContact != 0 || meta.DefaultACLPolicy != "allow" {
		t.Errorf("meta = %+v", meta)
	}
	if _, err := kv.Delete("a/1", nil); err != nil {
		t.Fatal(err)
	}
	pair, meta, err = kv.Get("a/1", nil)
	if pair != nil || err != nil || meta.LastIndex == 0 {
		t.Errorf("Get of a deleted key = %v, index %d, %v; want nothing with an index", pair, meta.LastIndex, err)
	}
}

func TestKeys(t *testing.T) {
	c := consultest.New()
	for _, key := range []string{"d/ns1/a", "d/ns1/b", "d/ns2/a/deep", "d/ns3/", "d/loose"} {
		c.SetKV(key, "")
	}
	tests := map[string]struct {
		prefix, separator string
		want              []string
	}{
		"all":           {"d/", "", []string{"d/loose", "d/ns1/a", "d/ns1/b", "d/ns2/a/deep", "d/ns3/"}},
		"first level":   {"d/", "/", []string{"d/loose", "d/ns1/", "d/ns2/", "d/ns3/"}},
		"without slash": {"d/ns", "/", []string{"d/ns1/", "d/ns2/", "d/ns3/"}},
		"nothing":       {"x/", "/", nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, meta, err := c.Client().KV().Keys(test.prefix, test.separator, nil)
			diff(t, test.want, got)
			if err != nil || meta.LastIndex < 2 {
				t.Errorf("index %d, error %v", meta.LastIndex, err)
			}
		})
	}
}

func TestFolderKeyHasNoValue(t *testing.T) {
	c := consultest.New()
	c.SetKV("d/ns3/", "")
	pairs, _, err := c.Client().KV().List("d/", nil)
	if err != nil || len(pairs) != 1 || pairs[0].Value != nil {
		t.Errorf("List = %v, %v; want one pair with a nil value", pairs, err)
	}
}

func TestKVRefusals(t *testing.T) {
	client := consultest.New().Client()
	tests := map[string]struct {
		err  error
		want string
	}{
		"blank": {
			put(client, "a ", "x"),
			"Unexpected response code: 500 (invalid key name, leading/trailing spaces are not allowed)",
		},
		"too large": {
			put(client, "a", string(make([]byte, 512<<10+1))),
			"Unexpected response code: 413 (Request body(524289 bytes) too large, max size: 524288 bytes. " +
				"See https://developer.hashicorp.com/docs/agent/config/config-files#kv_max_value_size.)",
		},
		"stale and consistent": {
			list(client, "a", &api.QueryOptions{AllowStale: true, RequireConsistent: true}),
			"Unexpected response code: 400 (Cannot specify ?stale with ?consistent, conflicting semantics.)",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) { wantError(t, test.err, test.want) })
	}
}

func put(client *api.Client, key, value string) error {
	_, err := client.KV().Put(&api.KVPair{Key: key, Value: []byte(value)}, nil)
	return err
}

func list(client *api.Client, prefix string, options *api.QueryOptions) error {
	_, _, err := client.KV().List(prefix, options)
	return err
}

// Big trees must not make tests slow: 64 watchers, each of a namespace, 3,000 keys, 100 changes.
func TestBigTree(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const namespaces, keys = 64, 3000
		c := consultest.New()
		for i := range keys {
			c.SetKV(fmt.Sprintf("deployments/ns%d/%d", i%namespaces, i), "{}")
		}
		client := c.Client()
		ctx, cancel := context.WithCancel(t.Context())
		var rang atomic.Int64
		for i := range namespaces {
			go func() {
				options := (&api.QueryOptions{WaitIndex: 1}).WithContext(ctx)
				for {
					_, meta, err := client.KV().Keys(fmt.Sprintf("deployments/ns%d/", i), "", options)
					if err != nil {
						return
					}
					rang.Add(1)
					options.WaitIndex = meta.LastIndex
				}
			}()
		}
		synctest.Wait()
		rang.Store(0)
		for i := range 100 {
			c.SetKV(fmt.Sprintf("deployments/ns%d/%d", i%namespaces, i), "changed")
			synctest.Wait()
		}
		if got := rang.Load(); got != 100 {
			t.Errorf("%d doorbells rang, want one for each of 100 changes", got)
		}
		cancel()
	})
}
