package agent

import (
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/k8s-registrar/k8s-registrar/register/consultest"
)

// A name that one key lets go of goes to the next one as that is now, however late the
// part of the tree that tells of it is.
func TestANameGoesToItsHeirAsItIs(t *testing.T) {
	for what, letGo := range map[string]func(*consultest.Consul){
		"deleted": func(c *consultest.Consul) { c.DeleteKV("kubernetes/deployments/blue/web") },
		"headless": func(c *consultest.Consul) {
			c.SetKV("kubernetes/deployments/blue/web", `{"kind":"Service","metadata":{"name":"web","namespace":"blue"},"spec":{"type":"ClusterIP","clusterIP":"None"}}`)
		},
		"of a port": func(c *consultest.Consul) { c.SetKV(service("blue", "web", 31001, "")) },
	} {
		t.Run(what, func(t *testing.T) { synctest.Test(t, func(t *testing.T) { inherit(t, letGo, what == "of a port") }) })
	}
}

func inherit(t *testing.T, letGo func(*consultest.Consul), kept bool) {
	c := consultest.New()
	fillMany(c, 30, "blue", "green", "red")
	c.SetKV(service("blue", "web", 31000, ""))
	c.SetKV(service("green", "web", 32000, ""))
	c.Fault(func(r *http.Request) *consultest.Fault { // the bell of green rings late
		if r.Method == http.MethodGet && r.URL.Path == "/v1/kv/kubernetes/deployments/g" && r.URL.Query().Has("keys") {
			return &consultest.Fault{Delay: 5 * time.Second, After: true}
		}
		return nil
	})
	r := start(t, c)
	r.after(time.Minute).holds(91)
	c.SetKV(service("green", "web", 32001, ""))
	r.after(100 * time.Millisecond)
	letGo(c)
	const heir = "k8s-registrar-default.green.web.http"
	for range 2000 {
		if r.after(time.Millisecond); c.Services()[heir].Port == 32000 {
			t.Fatal("the heir is announced as it was before")
		}
	}
	r.holds(91)
	id, port := heir, 32001
	if kept {
		id, port = "k8s-registrar-default.blue.web.http", 31001
	}
	if got := fmt.Sprint(c.Services()[id].Port); got != fmt.Sprint(port) {
		t.Errorf("%s has port %s, want %d", id, got, port)
	}
}
