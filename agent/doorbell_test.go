package agent

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/k8s-registrar/k8s-registrar/register/consultest"
)

// eachWay runs a test with a tree whose values come with the ring, and with one that has too
// many bytes for that.
func eachWay(t *testing.T, test func(t *testing.T, c *consultest.Consul)) {
	t.Helper()
	for name, fill := range map[string]func(*consultest.Consul){
		"values with the ring": func(*consultest.Consul) {},
		"values are read":      func(c *consultest.Consul) { c.SetKV(large("zz")) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := consultest.New()
				fill(c)
				test(t, c)
			})
		})
	}
}

// large is a Service that nobody announces, with as many bytes as a whole tree may have whose
// values come with the ring.
func large(namespace string) (key, value string) {
	return "kubernetes/deployments/" + namespace + "/large", `{"kind":"Service","metadata":{"name":"large","namespace":"` + namespace +
		`","annotations":{"notes":"` + strings.Repeat("x", fewBytes) + `"}},"spec":{"type":"ClusterIP","ports":[{"port":80}]}}`
}

// names counts how often names of the tree were asked for since a number of requests.
func (r *rig) names(since int) (n int) {
	for _, request := range r.consul.Requests()[since:] {
		if strings.HasPrefix(request.Path, "/v1/kv/kubernetes/deployments") && request.Query.Has("keys") {
			n++
		}
	}
	return n
}

// A change in a small tree comes with the ring. A tree that has grown large is not read once a
// minute though nothing happens, until it is small again.
func TestFewValuesComeWithTheRing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := consultest.New()
		fill(c, 5)
		r := start(t, c)
		r.after(time.Minute).ready(true)
		for _, row := range []struct {
			name          string
			do            func()
			names, values int
		}{
			{"small", func() {}, 0, 1},
			{"large", func() { c.SetKV(large("shop")) }, 1, 1},
			{"small again", func() { c.SetKV(service("shop", "large", 30100, "")) }, 0, 1},
		} {
			row.do()
			r.after(10 * time.Minute) // what was asked before the change is over
			requests := len(c.Requests())
			c.SetKV(service("shop", "s001", 30001, row.name))
			r.after(time.Second)
			tags := strings.Join(c.Services()["k8s-registrar-default.shop.s001.http"].Tags, ",")
			if names, values := r.names(requests), len(r.reads(requests)); names != row.names || values != row.values || tags != row.name {
				t.Errorf("%s: a change asked for names %d and values %d times, want %d and %d; tags %q", row.name, names, values, row.names, row.values, tags)
			}
		}
	})
}

// Whoever waits for values is told that they may not be seen any more, even if nothing else
// happens.
func TestLostRightsShowWithoutAChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := consultest.New()
		c.DenyByDefault()
		c.Grant("t", rights)
		fill(c, 5)
		r := startAs(t, c, "t")
		r.after(time.Minute).ready(true)
		c.Grant("t", consultest.Rules{Service: map[string]string{"": "write"}, Agent: "read", Node: "read"})
		r.after(3 * time.Minute).ready(false)
		r.holds(5)
		c.Grant("t", rights)
		r.after(time.Minute).ready(true)
	})
}

// An anonymous reader is not told that values may not be seen any more. The next change is
// asked about, and shows it.
func TestAnAnonymousReaderAsksForValues(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := consultest.New()
		c.DenyByDefault()
		c.Grant("", rights)
		fill(c, 5)
		r := start(t, c)
		r.after(time.Minute).ready(true)
		c.Revoke("")
		c.TouchKV("kubernetes/deployments/shop/s000")
		r.after(10 * time.Second).holds(5)
		if s := r.status(); !strings.Contains(s.Watch.Error, "may not read the tree") {
			t.Errorf("the watch says %q", s.Watch.Error)
		}
	})
}
