package agent

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/k8s-registrar/k8s-registrar/register/consultest"
)

// renamed is a Service whose port has another name, and which is another service for that.
func renamed(name string, port int) (key, value string) {
	key, value = service("shop", name, port, "a")
	return key, strings.Replace(value, `"http"`, `"web"`, 1)
}

// Hundreds of removals that have to follow what Consul refuses take nobody's turn, and
// nothing is compared again and again for them.
func TestRemovalsThatMustWaitTakeNobodysTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := consultest.New()
		fill(c, 300)
		c.SetKV(service("zoo", "old", 32000, ""))
		slow := consultest.On(http.MethodGet, "/v1/agent/services", consultest.Fault{Delay: 20 * time.Millisecond})
		c.Fault(slow)
		r := start(t, c)
		r.after(time.Minute).holds(301)
		c.Fault(consultest.FirstOf(bodyFault(`.web"`, consultest.Fault{Status: 400, Body: "Invalid"}), slow))
		for i := range 300 {
			c.SetKV(renamed(fmt.Sprintf("s%03d", i), 30000+i))
		}
		c.DeleteKV("kubernetes/deployments/zoo/old")
		r.after(10 * time.Second).holds(300)
		mark := len(c.Requests())
		r.after(20 * time.Second).holds(300)
		var looks int
		for _, q := range c.Requests()[mark:] {
			if q.Path == "/v1/agent/services" {
				looks++
			}
		}
		if looks > 10 {
			t.Errorf("%d comparisons in 20 s", looks)
		}
	})
}
