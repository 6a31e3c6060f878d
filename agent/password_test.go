package agent

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/k8s-registrar/k8s-registrar/register/consultest"
)

// TestPasswordsInTagsAreNotShown, neither when they come nor when they change, at any
// level.
func TestPasswordsInTagsAreNotShown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := consultest.New()
		log := &logBuffer{}
		a := newAgent(t, Consul{Client: c.Client(), Token: NewToken("")}, log)
		a.log.SetLevel(hclog.Trace)
		r := run(t, c, a)
		r.log = log
		guarded := func(password string) (key, value string) {
			key, value = service("shop", "cart", 30080, "")
			return key, strings.Replace(value, `"tags"`, `"traefik.frontend.auth.basic.users": "ann:`+password+`", "tags"`, 1)
		}
		for _, password := range []string{"hunter2", "hunter3"} {
			c.SetKV(guarded(password))
			r.after(time.Minute)
			if text := fmt.Sprint(r.status()); strings.Contains(text, "hunter") || !strings.Contains(text, "basic.users=(set)") {
				t.Errorf("want the tag without a password in %s", text)
			}
		}
		if got := c.Services()["k8s-registrar-default.shop.cart.http"].Tags; len(got) != 1 || !strings.HasSuffix(got[0], "hunter3") {
			t.Errorf("Consul has %q", got)
		}
		if r.log.count("hunter") > 0 || r.log.count("basic.users=(set)") == 0 {
			t.Errorf("want the change without a password in\n%s", r.log)
		}
	})
}
