package agent

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/k8s-registrar/k8s-registrar/config"
	"github.com/k8s-registrar/k8s-registrar/register"
	"github.com/k8s-registrar/k8s-registrar/register/consultest"
)

func remove(c *consultest.Consul, from, to int) {
	var keys []string
	for i := from; i < to; i++ {
		keys = append(keys, fmt.Sprintf("kubernetes/deployments/shop/s%03d", i))
	}
	c.DeleteKV(keys...)
}

// fillTwo fills two namespaces with 20 services each. Deleting one of them at once is
// one change; keys that are deleted one by one may be seen in between.
func fillTwo(c *consultest.Consul) {
	for i := range 20 {
		c.SetKV(service("gone", fmt.Sprintf("g%03d", i), 30000+i, ""))
		c.SetKV(service("shop", fmt.Sprintf("s%03d", i), 31000+i, ""))
	}
}

func removeGone(c *consultest.Consul) { c.Deltree("kubernetes/deployments/gone/") }

// startHolding runs an agent until it holds the removal of one of two full namespaces.
func startHolding(t *testing.T, c *consultest.Consul) (*rig, Waiting) {
	t.Helper()
	fillTwo(c)
	r := start(t, c)
	r.after(5 * time.Second)
	removeGone(c)
	return r, r.after(5 * time.Second).holding(20)
}

// holding checks that just so many keys wait for a human, as one set, and returns that.
func (r *rig) holding(n int) Waiting {
	r.Helper()
	all := r.status().Waiting
	switch {
	case n == 0 && len(all) == 0:
		return Waiting{}
	case len(all) != 1 || len(all[0].Keys) != n:
		r.Fatalf("waiting = %+v, want %d keys", all, n)
	}
	return all[0]
}

// approveIn writes an approval as the command does.
func approveIn(t *testing.T, c *consultest.Consul, hash, node string, valid time.Duration) {
	t.Helper()
	value, err := json.Marshal(Approval{By: "ann@desk", Reason: "moved", Expires: time.Now().Add(valid)})
	if err != nil {
		t.Fatal(err)
	}
	c.SetKV(ApprovalKey("kubernetes", hash, node), string(value))
}

// The budget is one of ten minutes, not of one pass.
func TestRemovalsAreBudgetedOverTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := consultest.New()
		fill(c, 40)
		r := start(t, c)
		r.after(5 * time.Second)
		for i := range 15 { // one by one, a second apart
			remove(c, i, i+1)
			r.after(time.Second)
		}
		if got := len(c.Services()); got != 30 {
			t.Errorf("%d services, want 30: 10 removals are in the budget", got)
		}
		r.holding(5)
		// What has been held waits for a human, however little it is. Other removals
		// are within the budget again after ten minutes.
		r.after(12 * time.Minute)
		remove(c, 20, 25)
		r.after(5 * time.Second)
		if got := len(c.Services()); got != 25 {
			t.Errorf("%d services, want 25", got)
		}
		r.holding(5)
		fill(c, 15) // they come back
		r.after(5 * time.Second)
		r.holding(0)
	})
}

// TestHeldServicesAreKept: what waits for a human is announced, whoever else removes
// it, and does not go because others have gone.
func TestHeldServicesAreKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := consultest.New()
		r, waiting := startHolding(t, c)
		for i := range 5 {
			if err := c.Operator().Agent().ServiceDeregister(fmt.Sprintf("k8s-registrar-default.gone.g%03d.http", i)); err != nil {
				t.Fatal(err)
			}
		}
		r.after(time.Minute)
		if got := len(c.Services()); got != 40 {
			t.Errorf("%d services, want 40", got)
		}
		c.Down()
		c.Wipe()
		r.after(time.Second)
		c.Up()
		r.after(5 * time.Second)
		if got := len(c.Services()); got != 40 {
			t.Errorf("%d services after the agent lost all, want 40", got)
		}
		approveIn(t, c, waiting.Hash, "", time.Hour)
		r.after(30 * time.Second)
		if got := len(c.Services()); got != 20 {
			t.Errorf("%d services after the approval, want 20", got)
		}
	})
}

func TestApproval(t *testing.T) {
	for _, row := range []struct {
		name    string
		approve func(t *testing.T, c *consultest.Consul, hash string)
		want    int // services left of 40 with 20 removed
	}{
		{"none", func(*testing.T, *consultest.Consul, string) {}, 40},
		{"for the fleet", func(t *testing.T, c *consultest.Consul, hash string) { approveIn(t, c, hash, "", time.Hour) }, 20},
		{"for this node", func(t *testing.T, c *consultest.Consul, hash string) { approveIn(t, c, hash, "node-1", time.Hour) }, 20},
		{"for another node", func(t *testing.T, c *consultest.Consul, hash string) { approveIn(t, c, hash, "node-2", time.Hour) }, 40},
		{"of another plan", func(t *testing.T, c *consultest.Consul, _ string) { approveIn(t, c, "0123456789ab", "", time.Hour) }, 40},
		{"expired", func(t *testing.T, c *consultest.Consul, hash string) { approveIn(t, c, hash, "", -time.Second) }, 40},
		{"for ever", func(t *testing.T, c *consultest.Consul, hash string) { approveIn(t, c, hash, "", 1000*time.Hour) }, 40},
		{"without a time", func(_ *testing.T, c *consultest.Consul, hash string) {
			c.SetKV(ApprovalKey("kubernetes", hash, ""), `{"by":"x"}`)
		}, 40},
		{"not JSON", func(_ *testing.T, c *consultest.Consul, hash string) {
			c.SetKV(ApprovalKey("kubernetes", hash, ""), "yes")
		}, 40},
		{"huge", func(_ *testing.T, c *consultest.Consul, hash string) {
			c.SetKV(ApprovalKey("kubernetes", hash, ""), strings.Repeat(" ", 5000)+`{"expires":"2000-01-01T01:00:00Z"}`)
		}, 40},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := consultest.New()
				r, waiting := startHolding(t, c)
				if !ApprovalHash.MatchString(waiting.Hash) {
					t.Errorf("hash = %q", waiting.Hash)
				}
				row.approve(t, c, waiting.Hash)
				r.after(10 * time.Second)
				if got := len(c.Services()); got != row.want {
					t.Errorf("%d services, want %d", got, row.want)
				}
				if audited := r.log.count("removals are approved") == 1 && r.log.count("by=ann@desk reason=moved") == 1; audited != (row.want == 20) {
					t.Errorf("audit line in the log: %v\n%s", audited, r.log)
				}
			})
		})
	}
}

// What was approved stays approved when only a part of it could be done at once, and
// does not use up the budget of what comes later.
func TestApprovalHoldsForItsKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := consultest.New()
		r, waiting := startHolding(t, c)
		stuck := consultest.On(http.MethodPut, "/v1/agent/service/deregister/k8s-registrar-default.gone.g00", consultest.Fault{Status: 500})
		c.Fault(stuck)
		approveIn(t, c, waiting.Hash, "", time.Hour)
		r.after(10 * time.Second)
		if got := len(c.Services()); got != 30 {
			t.Errorf("%d services, want 30: ten removals fail", got)
		}
		c.Fault(nil)
		r.after(2 * time.Minute)
		if got := len(c.Services()); got != 20 {
			t.Errorf("%d services, want 20", got)
		}
		remove(c, 0, 8)
		r.after(10 * time.Second)
		if got := len(c.Services()); got != 12 {
			t.Errorf("%d services, want 12", got)
		}
	})
}

// Passes that follow each other quickly do not put off the look for an approval.
func TestApprovalIsSeenByABusyAgent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := consultest.New()
		fillTwo(c)
		r := start(t, c, func(cfg *config.Config) { cfg.Reconcile.Resync = time.Second })
		r.after(5 * time.Second)
		removeGone(c)
		r.after(5 * time.Second)
		approveIn(t, c, r.holding(20).Hash, "", time.Hour)
		r.after(10 * time.Second)
		if got := len(c.Services()); got != 20 {
			t.Errorf("%d services, want 20", got)
		}
	})
}

func TestApprovalOfWithheldKeys(t *testing.T) {
	eachWay(t, func(t *testing.T, c *consultest.Consul) {
		fill(c, 2)
		old := c.Snapshot()
		fill(c, 6)
		r := start(t, c)
		r.after(5 * time.Second)
		c.Restore(old)
		r.after(5 * time.Second)
		approveIn(t, c, r.holding(4).Hash, "", time.Hour)
		r.after(30 * time.Second)
		c.FullSync()
		r.announces("s000:30000", "s001:30001")
		// It stays so.
		r.after(2*time.Hour).announces("s000:30000", "s001:30001")
	})
}

func TestWithheldKeysSettle(t *testing.T) {
	eachWay(t, func(t *testing.T, c *consultest.Consul) {
		fill(c, 2)
		old := c.Snapshot()
		fill(c, 6)
		r := start(t, c)
		r.after(5 * time.Second)
		c.Restore(old)
		r.after(55 * time.Minute)
		if got := len(c.Services()); got != 6 {
			t.Errorf("%d services after 55 minutes, want 6", got)
		}
		r.after(10 * time.Minute)
		if got := len(c.Services()); got != 2 {
			t.Errorf("%d services after 65 minutes, want 2", got)
		}
	})
}

// Somebody who changes a service back all the time is not fought with all the time.
func TestFightIsNotFought(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := consultest.New()
		fill(c, 3)
		r := start(t, c)
		r.after(3 * time.Minute)
		id := "k8s-registrar-default.shop.s001.http"
		before := len(c.Writes())
		for range 120 { // every second for two minutes
			_ = c.Operator().Agent().ServiceDeregister(id) // it may not be there
			r.after(time.Second)
		}
		if got := len(c.Writes()) - before; got < 4 || got > 12 {
			t.Errorf("%d repairs in two minutes, want a few", got)
		}
		if r.log.count("somebody else changes it back") == 0 {
			t.Errorf("the fight is not said:\n%s", r.log)
		}
		c.SetKV(service("shop", "s002", 32002, "")) // others are not delayed
		r.after(time.Second)
		if got := c.Services()["k8s-registrar-default.shop.s002.http"].Port; got != 32002 {
			t.Errorf("s002 has port %d", got)
		}
		r.after(3*time.Minute).announces("s000:30000", "s001:30001", "s002:32002")
		if p := r.status().Problems; len(p) != 0 {
			t.Errorf("problems = %+v", p)
		}
	})
}

// Fact 12: after a wiped data directory a PUT of a known ID ends in EOF, again and
// again, while others work.
func TestPutThatAlwaysEndsInEOF(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := consultest.New()
		poison := func(r *http.Request) *consultest.Fault {
			if r.Method != http.MethodPut {
				return nil
			}
			body, _ := io.ReadAll(r.Body)
			if strings.Contains(string(body), "s001") {
				return &consultest.Fault{Err: io.EOF}
			}
			return nil
		}
		c.Fault(poison)
		fill(c, 3)
		r := start(t, c)
		r.after(10*time.Minute).announces("s000:30000", "s002:30002")
		r.ready(false)
		if got := len(c.Writes()); got > 40 {
			t.Errorf("%d writes in ten minutes: hammering", got)
		}
		c.SetKV(service("shop", "s000", 31000, ""))
		r.after(time.Second)
		if got := c.Services()["k8s-registrar-default.shop.s000.http"].Port; got != 31000 {
			t.Errorf("s000 has port %d: others wait", got)
		}
		c.Fault(nil)
		r.after(time.Minute).announces("s000:31000", "s001:30001", "s002:30002")
		r.ready(true)
	})
}

// TestCatalogIsTheTruth is invariant 9: what the agent accepted and the servers do not
// hold is sent again, in a way that Consul does not take for the same.
func TestCatalogIsTheTruth(t *testing.T) {
	for name, harm := range map[string]func(c *consultest.Consul){
		"dropped on its way": func(c *consultest.Consul) {
			c.Fault(consultest.Times(1, consultest.On(http.MethodPut, "/v1/agent/service/register", consultest.Fault{NoCatalog: true})))
			c.SetKV(service("shop", "s001", 31001, ""))
		},
		"removed in the catalog": func(c *consultest.Consul) {
			c.SetKV(service("shop", "s001", 31001, ""))
			c.CatalogDeregister("k8s-registrar-default.shop.s001.http")
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := consultest.New()
				fill(c, 3)
				r := start(t, c)
				r.after(30 * time.Second)
				harm(c)
				r.after(time.Minute).announces("s000:30000", "s001:31001", "s002:30002")
				if _, ok := c.CatalogChecks()["k8s-registrar-default.shop.s001.http.tcp"]; !ok {
					t.Error("the check is not in the catalog")
				}
				writes := len(c.Writes())
				r.after(time.Hour)
				if got := len(c.Writes()); got != writes {
					t.Errorf("%d writes after the repair", got-writes)
				}
				if s := r.status(); s.Catalog.Diverging != 0 || s.Catalog.Verified.IsZero() {
					t.Errorf("catalog = %+v", s.Catalog)
				}
				// A restart does not take the nonce for a difference.
				r.stop()
				r = start(t, c)
				r.after(time.Minute)
				if got := len(c.Writes()); got != writes {
					t.Errorf("%d writes after a restart", got-writes)
				}
			})
		})
	}
}

// What the servers refuse for good is repaired in vain a few times, and then named.
func TestCatalogRefusalIsNamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := consultest.New()
		fill(c, 2)
		c.Fault(consultest.On(http.MethodPut, "/v1/agent/service/register", consultest.Fault{NoCatalog: true}))
		r := start(t, c)
		r.after(time.Hour)
		if got := len(c.Writes()); got > 2*65 {
			t.Errorf("%d writes in an hour: more than one a minute and service", got)
		}
		p := r.status().Problems
		if len(p) != 2 || !strings.Contains(p[0].Error, "blocked") {
			t.Errorf("problems = %+v", p)
		}
		c.Fault(nil)
		r.after(2*time.Minute).announces("s000:30000", "s001:30001")
	})
}

// A reader that may not see the node in the catalog draws no conclusion from that.
func TestCatalogThatMayNotBeSeen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := consultest.New()
		c.DenyByDefault()
		c.Grant("t", consultest.Rules{Key: map[string]string{"kubernetes/": "read"}, Service: map[string]string{"": "write"}, Agent: "read"})
		fill(c, 3)
		r := startAs(t, c, "t")
		r.after(5 * time.Second)
		writes := len(c.Writes())
		r.after(time.Hour).ready(true)
		if got := len(c.Writes()); got != writes {
			t.Errorf("%d writes", got-writes)
		}
		if s := r.status(); !strings.Contains(s.Catalog.Error, "grant node read") {
			t.Errorf("catalog = %+v", s.Catalog)
		}
	})
}

var rights = consultest.Rules{
	Key: map[string]string{"kubernetes/": "read"}, Service: map[string]string{"": "write"}, Agent: "read", Node: "read",
}

// startWithFile runs an agent that follows a token file.
func startWithFile(t *testing.T, c *consultest.Consul, path string) *rig {
	t.Helper()
	token, err := NewTokenFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return startWith(t, c, token)
}

// startWith runs an agent whose token can be replaced.
func startWith(t *testing.T, c *consultest.Consul, token *Token) *rig {
	t.Helper()
	client, err := api.NewClient(&api.Config{
		Address:    "127.0.0.1:8500",
		Token:      TokenPlace,
		HttpClient: &http.Client{Transport: token.Transport(c.Transport())},
	})
	if err != nil {
		t.Fatal(err)
	}
	return startConsul(t, c, Consul{Client: client, Token: token})
}

func TestTokenRotation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := consultest.New()
		fill(c, 3)
		r, write := rotated(t, c, rights)
		path := r.agent.token.path
		r.after(time.Minute).ready(true)

		// A bad token, an empty file and a missing one leave the old one in force.
		for _, bad := range []string{"unknown", "", "two words"} {
			write(bad)
			r.after(time.Minute).ready(true)
			if got := r.status().Token.Error; got == "" {
				t.Errorf("%q: no error in the status", bad)
			}
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		r.after(time.Minute).ready(true)

		write("new")
		mark := len(c.Requests())
		r.after(time.Minute)
		puts := map[string]int{}
		for _, request := range c.Requests()[mark:] {
			if request.Method == http.MethodPut {
				puts[request.Token]++
			}
		}
		if puts["new"] != 3 || puts["old"] != 0 {
			t.Errorf("registrations by token: %v, want 3 with the new one", puts)
		}
		s := r.status()
		if s.Token.Error != "" || s.Token.OldRevocable.IsZero() || r.log.count("the one before may be revoked") != 1 {
			t.Errorf("token = %+v\n%s", s.Token, r.log)
		}
		c.Revoke("old")
		c.SetKV(service("shop", "s009", 30009, ""))
		r.after(time.Hour).announces("s000:30000", "s001:30001", "s002:30002", "s009:30009")
		r.ready(true)
		for _, secret := range []string{"old", "new", "unknown"} {
			if strings.Contains(r.log.String(), "="+secret) || strings.Contains(r.log.String(), "\""+secret) {
				t.Errorf("the token %q is in the log", secret)
			}
		}
	})
}

// What was refused with a token that had expired is tried at once with the one that takes
// its place, however long it was refused.
func TestNewTokenEndsTheWait(t *testing.T) {
	for i := range 5 { // the wait may be about to end
		synctest.Test(t, func(t *testing.T) {
			c := consultest.New()
			fill(c, 3)
			r, write := rotated(t, c, rights)
			r.after(time.Minute)
			c.Revoke("old")
			c.SetKV(service("shop", "s009", 30009, ""))
			r.after(10*time.Minute + time.Duration(i)*7*time.Second)
			write("new")
			r.after(followPause+time.Second).announces("s000:30000", "s001:30001", "s002:30002", "s009:30009")
		})
	}
}

// TestKeptServicesFollowTheToken: also what nobody can read now is registered with the
// token in force, so that the servers hear of it when the old one is gone.
func TestKeptServicesFollowTheToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := consultest.New()
		fill(c, 3)
		r, write := rotated(t, c, rights)
		r.after(time.Minute)
		c.SetKV("kubernetes/deployments/shop/s001", "not json")
		r.after(time.Minute)
		r.stop()
		before := c.Services()["k8s-registrar-default.shop.s001.http"]
		r = startWithFile(t, c, r.agent.token.path) // it never read s001
		r.after(time.Minute)
		write("new")
		r.after(2 * time.Minute)
		if s := r.status().Token; s.Others > 0 || s.OldRevocable.IsZero() {
			t.Errorf("token = %+v", s)
		}
		now := c.Services()["k8s-registrar-default.shop.s001.http"]
		if now.Service != before.Service || now.Port != before.Port || !slices.Equal(now.Tags, before.Tags) {
			t.Errorf("what nobody can read has changed from %+v to %+v", before, now)
		}
		writes := len(c.Writes())
		r.after(time.Hour).announces("s000:30000", "s001:30001", "s002:30002")
		if got := len(c.Writes()); got != writes {
			t.Errorf("%d writes in an hour without a change", got-writes)
		}
	})
}

// TestTokenWithoutServicesIsRefused: with it everything of ours would be out of reach.
func TestTokenWithoutServicesIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := consultest.New()
		treeOnly := rights
		treeOnly.Service = nil
		fill(c, 3)
		r, write := rotated(t, c, treeOnly)
		r.after(time.Minute)
		write("new")
		r.after(time.Minute).ready(true)
		if got := r.status().Token.Error; !strings.Contains(got, "hides the services of ours") {
			t.Errorf("token error = %q", got)
		}
		c.SetKV(service("shop", "s009", 30009, "")) // the old one goes on
		r.after(time.Minute).announces("s000:30000", "s001:30001", "s002:30002", "s009:30009")
		c.Grant("new", rights)
		r.after(2 * time.Minute).ready(true)
		if s := r.status().Token; s.Error != "" || s.OldRevocable.IsZero() {
			t.Errorf("token = %+v", s)
		}
	})
}

// Nothing is said to be safe before the servers were seen to hold everything.
func TestOldTokenIsNotRevocableTooEarly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := consultest.New()
		fill(c, 3)
		r, write := rotated(t, c, rights)
		r.after(time.Minute)
		c.Fault(consultest.On(http.MethodPut, "/v1/agent/service/register", consultest.Fault{NoCatalog: true}))
		write("new")
		r.after(10 * time.Minute)
		if s := r.status(); !s.Token.OldRevocable.IsZero() {
			t.Errorf("revocable since %v though the servers refuse", s.Token.OldRevocable)
		}
		c.Fault(nil)
		r.after(3 * time.Minute)
		if s := r.status(); s.Token.OldRevocable.IsZero() {
			t.Errorf("not revocable: %+v, problems %+v", s.Token, s.Problems)
		}
	})
}

// TestOldTokenOfAnEmptyAgentIsRevocable: when an agent lost all that was registered with
// the old token, nothing has to be registered anew for its sake.
func TestOldTokenOfAnEmptyAgentIsRevocable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := consultest.New()
		fill(c, 3)
		r, write := rotated(t, c, rights)
		r.after(time.Minute)
		c.Fault(consultest.On(http.MethodPut, "/", consultest.Fault{Status: 500, Body: "no"}))
		c.Down()
		c.Wipe()
		r.after(time.Second)
		c.Up()
		write("new")
		r.after(time.Minute)
		c.Fault(nil)
		r.after(2*time.Minute).announces("s000:30000", "s001:30001", "s002:30002")
		if s := r.status(); s.Token.OldRevocable.IsZero() || s.Token.Others > 0 {
			t.Errorf("token = %+v", s.Token)
		}
	})
}

// TestOneAgentPerInstance: the second refuses to start, others go on side by side.
func TestOneAgentPerInstance(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := consultest.New()
		fill(c, 2)
		r := start(t, c)
		r.after(5 * time.Second)

		second := newAgent(t, Consul{Client: c.Client(), Token: NewToken("")}, io.Discard)
		if err := second.Run(t.Context()); !errors.Is(err, ErrClaimed) {
			t.Errorf("the second agent of an instance: %v", err)
		}
		other := start(t, c, func(cfg *config.Config) { cfg.Instance = "other" })
		other.after(time.Hour).announces("s000:30000", "s000:30000", "s001:30001", "s001:30001")
		remove(c, 0, 1)
		other.after(time.Minute).announces("s001:30001", "s001:30001")
		r.stop()
		start(t, c).after(time.Minute).ready(true)
	})
}

// TestTwoNodesDecideAlike is invariant 11, in both orders of arrival.
func TestTwoNodesDecideAlike(t *testing.T) {
	for _, order := range [][2]string{{"blue", "red"}, {"red", "blue"}} {
		t.Run(order[0]+" first", func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := consultest.New()
				port := map[string]int{"blue": 30001, "red": 30002}
				c.SetKV(service(order[0], "web", port[order[0]], ""))
				early := start(t, c)
				early.after(time.Second)
				c.SetKV(service(order[1], "web", port[order[1]], ""))
				c.TouchKV("kubernetes/deployments/" + order[0] + "/web") // changed last, created first
				early.after(time.Second)
				late := start(t, c, func(cfg *config.Config) { cfg.Instance = "late" })
				want := fmt.Sprintf("web:%d", port[order[0]])
				late.after(time.Minute).announces(want, want)
				for _, r := range []*rig{early, late} {
					p := r.status().Problems
					if len(p) != 1 || p[0].Key != "kubernetes/deployments/"+order[1]+"/web" {
						t.Errorf("problems = %+v", p)
					}
				}
				// The holder turns bad: it still holds the name, on both and after a restart.
				c.SetKV("kubernetes/deployments/"+order[0]+"/web", "not json")
				late.after(time.Minute).announces(want, want)
				late.stop()
				late = start(t, c, func(cfg *config.Config) { cfg.Instance = "late" })
				late.after(time.Minute).announces(want, want)
			})
		})
	}
}

func TestPatienceForgets(t *testing.T) {
	var p patience
	step := &register.Step{Action: register.Add, ID: "x", Want: register.Registration{ID: "x", Meta: register.NewMeta(map[string]string{register.MetaFingerprint: "1"})}}
	plan := register.Plan{Steps: []*register.Step{step}}
	p.note(register.Report{Outcomes: []register.Outcome{{Step: step, Err: errors.New("EOF")}}}, noon)
	if held, deferred := p.holdBack(plan, noon); len(deferred) != 1 || held.Steps[0].Wait == "" {
		t.Error("a step that just failed is not deferred")
	}
	other := *step
	other.Want.Meta = register.NewMeta(map[string]string{register.MetaFingerprint: "2"})
	if _, deferred := p.holdBack(register.Plan{Steps: []*register.Step{&other}}, noon); len(deferred) != 0 {
		t.Error("a step with another aim is deferred")
	}
	p.note(register.Report{Outcomes: []register.Outcome{{Step: step, Err: errors.New("EOF")}}}, noon)
	p.holdBack(register.Plan{}, noon.Add(time.Hour))
	if len(p.steps) != 0 {
		t.Errorf("%d steps are remembered after an hour", len(p.steps))
	}
}

// A restore takes the catalog back as well: the doorbell, which comes back with the
// index it was asked for, says so, and not only the next look at the clock.
func TestRestoreOfAnIdleCatalogIsSeen(t *testing.T) {
	eachWay(t, func(t *testing.T, c *consultest.Consul) {
		fill(c, 2)
		r := start(t, c)
		r.after(time.Minute)
		old := c.Snapshot()
		fill(c, 4)
		r.after(10 * time.Minute) // nothing else is about to happen
		c.Restore(old)
		r.after(40 * time.Second)
		r.announces("s000:30000", "s001:30001", "s002:30002", "s003:30003")
	})
}

// TestHiddenServicesAreUnknown: a token that may read the tree and sees no service finds
// the agent empty, in a list.
func TestHiddenServicesAreUnknown(t *testing.T) {
	tree := map[string]string{"kubernetes/deployments/": "list"}
	full := consultest.Rules{Key: tree, Service: map[string]string{"": "write"}, Node: "read", Agent: "read"}
	blind := consultest.Rules{Key: tree, Node: "read", Agent: "read"}
	part := consultest.Rules{Key: tree, Service: map[string]string{"s00": "write", "t": "write"}, Node: "read", Agent: "read"}
	synctest.Test(t, func(t *testing.T) {
		c := consultest.New()
		c.DenyByDefault()
		c.Grant("secret", full)
		fill(c, 20)
		r := startAs(t, c, "secret")
		r.after(5 * time.Second)
		writes := len(c.Writes())
		c.Grant("secret", blind)
		r.after(2 * time.Minute)
		s := r.status()
		if len(s.Services) != 20 || !strings.Contains(s.Reconcile.Error, "hides the services") || s.Ready {
			t.Errorf("%d services are shown, ready %v, reconcile error %q: want 20, and why they cannot be seen", len(s.Services), s.Ready, s.Reconcile.Error)
		}
		if got := len(c.Writes()); got != writes {
			t.Errorf("%d writes while nothing could be seen", got-writes)
		}
		// What may be seen goes on, and each of the others is named.
		c.Grant("secret", part)
		c.SetKV(service("shop", "t", 32000, ""))
		r.after(2 * time.Minute)
		var named int
		for _, p := range r.status().Problems {
			if strings.Contains(p.Error, "403") {
				named++
			}
		}
		if _, there := c.Services()["k8s-registrar-default.shop.t.http"]; !there || named != 10 || len(c.Services()) != 21 {
			t.Errorf("new service there: %v; %d of 10 hidden ones are named; %d services, want 21", there, named, len(c.Services()))
		}
		c.Grant("secret", full)
		r.after(2 * time.Minute)
		r.ready(true)
		if s := r.status(); len(s.Problems) > 0 || len(s.Services) != 21 {
			t.Errorf("%d services and problems %v", len(s.Services), s.Problems)
		}
	})
}

// TestAnotherNodeIDIsNamed, before anything is tried that fails: the servers hold what
// they held, and it looks right.
func TestAnotherNodeIDIsNamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := consultest.New()
		fill(c, 20)
		r := start(t, c)
		r.after(time.Minute)
		c.Down()
		c.Replace()
		r.after(time.Second)
		c.Up()
		r.after(30 * time.Second)
		if s := r.status(); !strings.Contains(s.Catalog.Error, "another node ID") {
			t.Errorf("catalog error = %q", s.Catalog.Error)
		}
		writes := len(c.Writes())
		r.after(30 * time.Minute)
		if got := len(c.Writes()) - writes; got > 0 {
			t.Errorf("%d writes to an agent that nobody listens to", got)
		}
		c.Reap()
		r.after(2 * time.Minute)
		if s := r.status(); s.Catalog.Error != "" || len(c.CatalogServices()) != 20 {
			t.Errorf("catalog error = %q, %d services in it", s.Catalog.Error, len(c.CatalogServices()))
		}
	})
}
