package agent

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/k8s-registrar/k8s-registrar/register/consultest"
)

// TestOverloadIsBackedOffFrom: 429 says that the connections which all of the node share
// are used up. Nobody but us would be to blame if we asked on.
func TestOverloadIsBackedOffFrom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := consultest.New()
		fill(c, 20)
		r := start(t, c)
		r.after(time.Minute).ready(true)
		before, writes := len(c.Requests()), len(c.Writes())
		c.Fault(consultest.On(http.MethodGet, "/", consultest.Fault{Status: http.StatusTooManyRequests}))
		const minutes = 30
		r.after(minutes * time.Minute)
		if got := len(c.Requests()) - before; got > minutes*60/2 {
			t.Errorf("%d requests in %d minutes, want at most one each 2 s of all there are", got, minutes)
		}
		if got := len(c.Writes()); got != writes {
			t.Errorf("%d writes", got-writes)
		}
		c.Fault(nil)
		c.SetKV(service("shop", "late", 30500, ""))
		r.after(time.Minute).ready(true)
		if got := len(c.Services()); got != 21 {
			t.Errorf("%d services, want 21", got)
		}
	})
}
