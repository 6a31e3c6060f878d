package agent

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/k8s-registrar/k8s-registrar/config"
	"github.com/k8s-registrar/k8s-registrar/register"
	"github.com/k8s-registrar/k8s-registrar/register/consultest"
)

func onStop(what string) func(*config.Config) {
	return func(c *config.Config) { c.OnStop = what }
}

// marks are the reasons of all services that are in maintenance mode.
func marks(c *consultest.Consul) map[string]string {
	found := map[string]string{}
	for id, check := range c.Checks() {
		if strings.HasPrefix(id, "_service_maintenance:") {
			found[check.ServiceName] = check.Notes
		}
	}
	return found
}

// TestOnStop has each way to stop, and what the next start makes of it.
func TestOnStop(t *testing.T) {
	const s000 = "k8s-registrar-default.shop.s000.http"
	const stopped = "k8s-registrar stopped: its next start ends this"
	for _, tt := range []struct {
		how     string
		marks   map[string]string // after the stop
		remains bool
	}{
		{config.Keep, map[string]string{"s000": "by hand"}, true},
		{config.Maintenance, map[string]string{"s000": "by hand", "s001": stopped}, true},
		{config.Deregister, map[string]string{}, false},
	} {
		t.Run(tt.how, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := consultest.New()
				fill(c, 2)
				r := start(t, c, onStop(tt.how))
				r.after(5 * time.Second)
				if err := c.Operator().Agent().EnableServiceMaintenance(s000, "by hand"); err != nil {
					t.Fatal(err)
				}
				local := register.NewLocal(c.Client(), register.Owner{Instance: "default"})
				if _, err := local.Announce(t.Context(), register.Self{Name: "k8s-registrar", Port: 28500}); err != nil {
					t.Fatal(err)
				}
				r.stop()
				if diff := cmp.Diff(tt.marks, marks(c)); diff != "" {
					t.Errorf("after the stop (-want +got):\n%s", diff)
				}
				want := map[bool]int{true: 3, false: 0}[tt.remains]
				if got := len(c.Services()); got != want { // two, and the daemon's own
					t.Errorf("%d services are there, want %d", got, want)
				}
				r = start(t, c)
				r.after(5*time.Second).announces("s000:30000", "s001:30001")
				left := map[string]string{"s000": "by hand"}
				if tt.how == config.Deregister {
					left = map[string]string{}
				}
				if diff := cmp.Diff(left, marks(c)); diff != "" {
					t.Errorf("after the next start (-want +got):\n%s", diff)
				}
			})
		})
	}
}

// TestTheOthersHearOfTheStopFirst: where services are shared out the daemon is withdrawn once,
// before all services. What it had sent before, and comes late, goes too.
func TestTheOthersHearOfTheStopFirst(t *testing.T) {
	for what, writes := range map[string]int{"once": 3, "announced late": 4} {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := consultest.New()
				o := spreading(t, c, 2, "b")
				o.stop()
				o.rig = start(t, c, spreadOut, onStop(config.Deregister))
				o.after(time.Minute).announces("s000:30000", "s001:30001")
				local := register.NewLocal(c.Client(), register.Owner{Instance: "default"})
				announce := func() {
					if _, err := local.Announce(t.Context(), register.Self{Name: "k8s-registrar", Port: 28500}); err != nil {
						t.Error(err)
					}
				}
				announce()
				late := writes > 3
				var gone []string
				c.Fault(func(request *http.Request) *consultest.Fault {
					if id, ok := strings.CutPrefix(request.URL.Path, "/v1/agent/service/deregister/"); ok {
						if gone = append(gone, id); id != selfID && late {
							late = false
							announce()
						}
					}
					return nil
				})
				o.stop()
				if n := len(c.Services()); n != 0 {
					t.Errorf("%d services are left", n)
				}
				if len(gone) != writes || gone[0] != selfID {
					t.Errorf("they went as %v", gone)
				}
			})
		})
	}
}

// TestStopIsBoundedWhateverThereIsToDo: an agent that takes 20 ms for each of 1000
// services. The rig fails if the stop takes more than 5 s.
func TestStopIsBoundedWhateverThereIsToDo(t *testing.T) {
	for _, how := range []string{config.Maintenance, config.Deregister} {
		t.Run(how, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := consultest.New()
				fill(c, 1000)
				r := start(t, c, onStop(how))
				r.after(time.Minute)
				c.Fault(func(request *http.Request) *consultest.Fault {
					if request.Method == http.MethodPut {
						return &consultest.Fault{Delay: 20 * time.Millisecond}
					}
					return nil
				})
				r.stop()
				untouched := len(c.Services()) - len(marks(c))
				if untouched == 0 || untouched == 1000 {
					t.Errorf("%d of 1000 services are as they were, want some of them", untouched)
				}
				if want := fmt.Sprintf("left=%d", untouched); !strings.Contains(r.log.String(), want) {
					t.Errorf("the log does not say %q:\n%s", want, r.log)
				}
			})
		})
	}
}

// TestStopWithoutLeader changes nothing and says so.
func TestStopWithoutLeader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := consultest.New()
		fill(c, 2)
		r := start(t, c, onStop(config.Deregister))
		r.after(5 * time.Second)
		c.SetLeader("")
		r.stop()
		r.announces("s000:30000", "s001:30001")
		if !strings.Contains(r.log.String(), "left=2") {
			t.Errorf("the log does not say what is left:\n%s", r.log)
		}
	})
}

// TestStopBeforeAnythingIsOurs: a daemon that was refused, or never knew the tree, has
// nothing to take away.
func TestStopBeforeAnythingIsOurs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := consultest.New()
		fill(c, 2)
		start(t, c).after(5 * time.Second).stop()
		c.Fault(func(request *http.Request) *consultest.Fault {
			if strings.HasPrefix(request.URL.Path, "/v1/kv/") {
				return &consultest.Fault{Status: http.StatusInternalServerError}
			}
			return nil
		})
		r := start(t, c, onStop(config.Deregister))
		r.after(5 * time.Second)
		r.stop()
		r.announces("s000:30000", "s001:30001")
	})
}

// TestFailureIsNoStop: when another task ends the daemon the services stay.
func TestFailureIsNoStop(t *testing.T) {
	c := consultest.New()
	a := newAgent(t, Consul{Client: c.Client(), Token: NewToken("")}, io.Discard, onStop(config.Deregister))
	l := a.loop(nil, nil)
	l.claimed, l.stopped = io.NopCloser(nil), make(chan struct{})
	l.leave(t.Context())
	if n := len(c.Requests()); n > 0 {
		t.Errorf("%d requests", n)
	}
}

// TestNodeStaysInMaintenance over restarts, also with services that are new, also if
// the daemon stops with maintenance of its own.
func TestNodeStaysInMaintenance(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := consultest.New()
		r := start(t, c, onStop(config.Maintenance)) // no services yet
		r.after(5 * time.Second)
		local := register.NewLocal(c.Client(), register.Owner{Instance: "default"})
		const mark = "k8s-registrar maintenance: kernel"
		if err := local.Mark(t.Context(), mark); err != nil {
			t.Fatal(err)
		}
		fill(c, 2)
		r.after(5 * time.Second)
		r.stop()
		r = start(t, c)
		r.after(time.Hour)
		c.SetKV(service("shop", "s002", 30002, ""))
		r.after(5 * time.Second)
		want := map[string]string{"s000": mark, "s001": mark, "s002": mark, register.MarkerName: mark}
		if diff := cmp.Diff(want, marks(c)); diff != "" {
			t.Errorf("on (-want +got):\n%s", diff)
		}
		writes := len(c.Writes())
		r.after(time.Hour)
		if n := len(c.Writes()) - writes; n != 0 {
			t.Errorf("%d writes in an hour of maintenance", n)
		}
		if err := local.Unmark(t.Context()); err != nil {
			t.Fatal(err)
		}
		r.after(time.Minute)
		if left := marks(c); len(left) > 0 {
			t.Errorf("off: %v", left)
		}
	})
}
