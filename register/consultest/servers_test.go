package consultest_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/k8s-registrar/k8s-registrar/register/consultest"
)

// After a restore the query returns at once with the old data and the index it asked for. Asking again with
// that index blocks for the full wait, though the data is different; only a read from 0 shows it.
func TestRestore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := consultest.New()
		c.SetKV("deployments/ns/a", "1")
		snapshot := c.Snapshot()
		c.SetKV("deployments/ns/b", "2")
		client := c.Client()

		result, asked := watching(t, client, api.QueryOptions{})
		time.Sleep(time.Second)
		c.Restore(snapshot)
		got := <-result
		if got.took != time.Second || got.meta.LastIndex != asked || len(got.pairs) != 2 {
			t.Errorf("took %v, index %d, %d pairs; want 1s, %d, 2", got.took, got.meta.LastIndex, len(got.pairs), asked)
		}

		got = watch(client, &api.QueryOptions{WaitIndex: asked, WaitTime: time.Minute})
		if got.took != time.Minute || got.meta.LastIndex >= asked || len(got.pairs) != 1 {
			t.Errorf("asked again: took %v, index %d, %d pairs", got.took, got.meta.LastIndex, len(got.pairs))
		}

		result, _ = watching(t, client, api.QueryOptions{})
		c.SetKV("deployments/ns/c", "3")
		if got = <-result; got.meta.LastIndex <= asked {
			t.Errorf("next write has index %d; want it above %d", got.meta.LastIndex, asked)
		}
	})
}

func TestRestoreOfNothing(t *testing.T) {
	c := consultest.New()
	for range 20 {
		c.SetKV("deployments/ns/a", time.Now().String())
	}
	client := c.Client()
	before := index(t, client, "deployments/")
	c.Restore(nil)
	if got := index(t, client, "deployments/"); got != 1 {
		t.Errorf("index = %d, want 1", got)
	}
	c.SetKV("deployments/ns/a", "again")
	if after := index(t, client, "deployments/"); after >= before {
		t.Errorf("index = %d, want it below %d", after, before)
	}
}

func TestNoLeader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := consultest.New()
		c.SetKV("deployments/ns/a", "1")
		client := c.Client()
		if leader, err := client.Status().Leader(); leader == "" || err != nil {
			t.Errorf("leader = %q, %v", leader, err)
		}
		c.SetLeader("")
		time.Sleep(3 * time.Second)
		if leader, err := client.Status().Leader(); leader != "" || err != nil {
			t.Errorf("leader = %q, %v; want none and no error", leader, err)
		}
		stale := watch(client, &api.QueryOptions{AllowStale: true})
		if stale.err != nil || stale.meta.KnownLeader || stale.meta.LastContact != 3*time.Second {
			t.Errorf("stale read = %+v, %v", stale.meta, stale.err)
		}
		normal := watch(client, nil)
		wantError(t, normal.err, "500 (rpc error making call: No cluster leader)")
		if normal.took != 10*time.Second {
			t.Errorf("failed after %v, want 10s", normal.took)
		}
		wantCode(t, put(client, "deployments/ns/a", "2"), 500)
	})
}

func TestReadSucceedsIfLeaderComesInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := consultest.New()
		c.SetLeader("")
		time.AfterFunc(4*time.Second, func() { c.SetLeader("10.0.0.101:8300") })
		got := watch(c.Client(), nil)
		if got.err != nil || got.took != 4*time.Second {
			t.Errorf("took %v, %v; want 4s and no error", got.took, got.err)
		}
	})
}

func TestQueryUnderWaySurvivesLossOfLeader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := consultest.New()
		c.SetKV("deployments/ns/a", "1")
		result, asked := watching(t, c.Client(), api.QueryOptions{})
		c.SetLeader("")
		time.Sleep(time.Minute)
		c.SetLeader("10.0.0.101:8300")
		c.SetKV("deployments/ns/a", "2")
		if got := <-result; got.err != nil || got.meta.LastIndex <= asked || got.took != time.Minute {
			t.Errorf("took %v, index %d, %v", got.took, got.meta.LastIndex, got.err)
		}
	})
}
