package consultest_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/k8s-registrar/k8s-registrar/register/consultest"
)

// watched is the end of a blocking query on deployments/.
type watched struct {
	pairs api.KVPairs
	meta  *api.QueryMeta
	err   error
	took  time.Duration
}

func watch(client *api.Client, options *api.QueryOptions) watched {
	start := time.Now()
	pairs, meta, err := client.KV().List("deployments/", options)
	return watched{pairs, meta, err, time.Since(start)}
}

// watching starts a blocking query from the present index and lets it get under way.
func watching(t *testing.T, client *api.Client, options api.QueryOptions) (result <-chan watched, asked uint64) {
	t.Helper()
	options.WaitIndex = index(t, client, "deployments/")
	results := make(chan watched, 1)
	go func() { results <- watch(client, &options) }()
	synctest.Wait()
	return results, options.WaitIndex
}

func TestBlockingQuery(t *testing.T) {
	tests := map[string]struct {
		options api.QueryOptions
		jitter  bool
		change  func(*consultest.Consul) // after 42 s
		took    time.Duration
		wakes   bool
	}{
		"nothing, default wait": {took: 5 * time.Minute},
		"nothing, wait":         {options: api.QueryOptions{WaitTime: 55 * time.Second}, took: 55 * time.Second},
		"nothing, longest wait": {options: api.QueryOptions{WaitTime: time.Hour}, took: 10 * time.Minute},
		"nothing, with jitter": {
			options: api.QueryOptions{WaitTime: 16 * time.Second}, jitter: true, took: 17 * time.Second,
		},
		"change": {
			change: func(c *consultest.Consul) { c.SetKV("deployments/ns/b", "2") },
			took:   42 * time.Second, wakes: true,
		},
		"delete": {
			change: func(c *consultest.Consul) { c.DeleteKV("deployments/ns/a") },
			took:   42 * time.Second, wakes: true,
		},
		"change, stale": {
			options: api.QueryOptions{AllowStale: true},
			change:  func(c *consultest.Consul) { c.SetKV("deployments/ns/b", "2") },
			took:    42 * time.Second, wakes: true,
		},
		"same value": {
			change: func(c *consultest.Consul) { c.SetKV("deployments/ns/a", "1") },
			took:   5 * time.Minute,
		},
		"change elsewhere": {
			change: func(c *consultest.Consul) { c.SetKV("deployments.old/ns/a", "1") },
			took:   5 * time.Minute,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := consultest.New()
				c.SetKV("deployments/ns/a", "1")
				c.MaxJitter(test.jitter)
				result, asked := watching(t, c.Client(), test.options)
				if test.change != nil {
					time.Sleep(42 * time.Second)
					test.change(c)
				}
				got := <-result
				if got.err != nil || got.took != test.took {
					t.Errorf("took %v, error %v; want %v", got.took, got.err, test.took)
				}
				if woke := got.meta.LastIndex > asked; woke != test.wakes {
					t.Errorf("asked for %d, got %d; want a change: %v", asked, got.meta.LastIndex, test.wakes)
				}
				if !test.wakes && len(got.pairs) != 1 {
					t.Errorf("got %d pairs; want the full body again", len(got.pairs))
				}
			})
		})
	}
}

func TestIndexAheadOfServerBlocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := consultest.New()
		c.SetKV("deployments/ns/a", "1")
		got := watch(c.Client(), &api.QueryOptions{WaitIndex: 1000, WaitTime: time.Minute})
		if got.took != time.Minute || got.meta.LastIndex >= 1000 {
			t.Errorf("took %v, index %d; want a minute and the lower index", got.took, got.meta.LastIndex)
		}
	})
}

// A missing prefix wakes on every write; a missing key does not, although its index is the whole tree's too.
func TestWatchOfWhatIsMissing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := consultest.New()
		c.SetKV("z", "1")
		client := c.Client()
		result, _ := watching(t, client, api.QueryOptions{})
		key := make(chan time.Duration)
		go func() {
			start := time.Now()
			_, _, _ = client.KV().Get("deployments/ns/a", &api.QueryOptions{WaitIndex: index(t, client, "none")})
			key <- time.Since(start)
		}()
		synctest.Wait()
		time.Sleep(time.Second)
		c.SetKV("z", "2")
		if got := <-result; got.took != time.Second || got.pairs != nil {
			t.Errorf("prefix: took %v with %v; want 1s with nothing", got.took, got.pairs)
		}
		time.Sleep(time.Second)
		c.SetKV("deployments/ns/a", "1")
		if took := <-key; took != 2*time.Second {
			t.Errorf("key: took %v; want 2s", took)
		}
	})
}

func TestCancelMidQuery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := consultest.New()
		c.SetKV("deployments/ns/a", "1")
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		options := (&api.QueryOptions{WaitIndex: 1000}).WithContext(ctx)
		got := watch(c.Client(), options)
		if !errors.Is(got.err, context.DeadlineExceeded) || got.took != 3*time.Second {
			t.Errorf("took %v, error %v; want a deadline after 3s", got.took, got.err)
		}
	})
}

func TestManyWatchersWake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := consultest.New()
		c.SetKV("deployments/ns/a", "1")
		client := c.Client()
		var results []<-chan watched
		for range 50 {
			result, _ := watching(t, client, api.QueryOptions{})
			results = append(results, result)
		}
		time.Sleep(time.Second)
		c.SetKV("deployments/ns/a", "2")
		for _, result := range results {
			if got := <-result; got.took != time.Second || string(got.pairs[0].Value) != "2" {
				t.Errorf("took %v, value %q", got.took, got.pairs[0].Value)
			}
		}
	})
}
