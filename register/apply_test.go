package register_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/hashicorp/consul/api"
	"pgregory.net/rapid"

	"github.com/k8s-registrar/k8s-registrar/health"
	"github.com/k8s-registrar/k8s-registrar/kvschema"
	"github.com/k8s-registrar/k8s-registrar/register"
	"github.com/k8s-registrar/k8s-registrar/register/consultest"
)

// TestConvergedAgentGetsNoWrite is "no write without a difference": whatever Consul
// adds to our services, and whatever happens to their checks.
func TestConvergedAgentGetsNoWrite(t *testing.T) {
	bubble(t, func(r *rig) {
		services := []kvschema.Service{
			service("shop/cart", 30001, withTags("b", "a")),
			service("shop/web", 30002),
			service("shop/dns", 30053, withProtocol("UDP")),
			service("tools/web-2", 30003, withPort("", 80), withTags("é", "a b", "x=y,z")),
		}
		r.converge(services...)
		writes := len(r.consul.Writes())
		const cart = prefix + "shop.cart.http"
		for _, event := range []struct {
			what    string
			happens func()
		}{
			{"nothing", func() {}},
			{"a probe fails", func() { r.consul.SetCheck(cart+".tcp", api.HealthCritical, "refused") }},
			{"maintenance", func() { _ = r.consul.Operator().Agent().EnableServiceMaintenance(cart, "mine") }},
			{"operator's check", func() { hang(r, r.consul, cart, &api.AgentServiceCheck{CheckID: "ops", TTL: "1m"}) }},
			{"agent's restart", func() { r.consul.Down(); r.consul.Up() }},
			{"full sync", r.consul.FullSync},
			{"an hour", func() { time.Sleep(time.Hour) }},
			{"leader is lost", func() { r.consul.SetLeader("") }},
		} {
			event.happens()
			before := len(r.consul.Requests())
			plan := r.plan(services...)
			if !plan.Empty() {
				r.Errorf("%s: %+v", event.what, plan)
			}
			report := r.local.Apply(r.Context(), plan, nil)
			equal(r, register.Report{}, report)
			equal(r, 2, len(r.consul.Requests())-before) // the two reads of Actual
		}
		equal(r, writes, len(r.consul.Writes()))
	})
}

// TestAddBeforeRemove has services that move, to another ID and to another key. At no
// time is their name absent.
func TestAddBeforeRemove(t *testing.T) {
	bubble(t, func(r *rig) {
		r.converge(service("shop/cart", 30001), service("a/web", 30002), service("shop/gone", 30003), service("shop/same", 30004))
		old := len(r.consul.Writes())
		r.consul.Fault(func(*http.Request) *consultest.Fault {
			names := map[string]bool{}
			for _, s := range r.consul.Services() {
				names[s.Service] = true
			}
			if !names["cart"] || !names["web"] || !names["same"] {
				r.Errorf("a service is absent: there are %v", names)
			}
			return nil
		})
		r.converge(service("shop/cart", 30001, withPort("new", 80)), service("b/web", 30002), service("shop/same", 30005))
		var calls []string
		for _, w := range r.consul.Writes()[old:] {
			calls = append(calls, strings.Split(w.Path, "/")[4])
		}
		equal(r, []string{"register", "register", "register", "deregister", "deregister", "deregister"}, calls)
		r.holds("cart:30001", "web:30002", "same:30005")
	})
}

// TestFailedAddKeepsThePredecessor and nothing but the predecessor.
func TestFailedAddKeepsThePredecessor(t *testing.T) {
	for _, tt := range []struct {
		what  string
		fails []string
		want  []string
	}{
		{"nothing fails", nil, []string{
			"add b.web.http", "add shop.cart.new", "update shop.api.http", "remove a.web.http", "remove shop.cart.old", "remove shop.gone.http",
		}},
		{"to another ID", []string{"shop.cart.new"}, []string{
			"add b.web.http", "add shop.cart.new: 500", "update shop.api.http", "remove a.web.http", "remove shop.cart.old: postponed", "remove shop.gone.http",
		}},
		{"to another key", []string{"b.web.http"}, []string{
			"add b.web.http: 500", "add shop.cart.new", "update shop.api.http", "remove a.web.http: postponed", "remove shop.cart.old", "remove shop.gone.http",
		}},
		{"unrelated update", []string{"shop.api.http"}, []string{
			"add b.web.http", "add shop.cart.new", "update shop.api.http: 500", "remove a.web.http", "remove shop.cart.old", "remove shop.gone.http",
		}},
		{"unrelated removal", []string{"shop.gone.http"}, []string{
			"add b.web.http", "add shop.cart.new", "update shop.api.http", "remove a.web.http", "remove shop.cart.old", "remove shop.gone.http: 500",
		}},
		{"all", []string{"b.web.http", "shop.cart.new", "shop.api.http"}, []string{
			"add b.web.http: 500", "add shop.cart.new: 500", "update shop.api.http: 500", "remove a.web.http: postponed", "remove shop.cart.old: postponed", "remove shop.gone.http",
		}},
	} {
		t.Run(tt.what, func(t *testing.T) {
			bubble(t, func(r *rig) {
				r.converge(service("a/web", 30001), service("shop/cart", 30002, withPort("old", 80)), service("shop/api", 30003), service("shop/gone", 30004))
				wanted := []kvschema.Service{service("b/web", 30001), service("shop/cart", 30002, withPort("new", 80)), service("shop/api", 30005)}
				plan := r.plan(wanted...)
				r.consul.Fault(writesOf(consultest.Fault{Status: 500, Body: "no"}, tt.fails...))
				report := r.local.Apply(r.Context(), plan, nil)
				equal(r, tt.want, said(report))
				equal(r, nil, report.Stopped)
				equal(r, len(tt.fails) > 0, report.Err() != nil)

				r.consul.Fault(nil)
				r.converge(wanted...) // the next pass does the rest
			})
		})
	}
}

// TestPredecessorIsKnownByItsKey even if somebody gave it another name.
func TestPredecessorIsKnownByItsKey(t *testing.T) {
	bubble(t, func(r *rig) {
		r.converge(service("shop/cart", 30001, withPort("old", 80)))
		s := r.consul.Services()[prefix+"shop.cart.old"]
		err := r.consul.Operator().Agent().ServiceRegister(&api.AgentServiceRegistration{ID: s.ID, Name: "kart", Port: s.Port, Meta: s.Meta})
		if err != nil {
			r.Fatal(err)
		}
		r.consul.Fault(writesOf(consultest.Fault{Status: 500, Body: "no"}, "shop.cart.new"))
		report := r.apply(service("shop/cart", 30001, withPort("new", 80)))
		equal(r, []string{"add shop.cart.new: 500", "remove shop.cart.old: postponed"}, said(report))
	})
}

// TestOneBadServiceHarmsOnlyItself: what the agent thinks of one service says nothing
// about the next, so nobody is asked; a broken connection may mean more, so the
// leader is asked for, and when there is one the others go on.
func TestOneBadServiceHarmsOnlyItself(t *testing.T) {
	for _, tt := range []struct {
		what      string
		fault     consultest.Fault
		want      string
		questions int
	}{
		{"refused", consultest.Fault{Status: 400, Body: "Invalid Service Meta"}, "400", 2},
		{"denied", consultest.Fault{Status: 403, Body: "Permission denied"}, "403", 2},
		{"handler dies", consultest.Fault{Err: io.EOF}, "EOF", 3},
		{"error", consultest.Fault{Status: 500, Body: "no"}, "500", 3},
		{"overload", consultest.Fault{Status: 429, Body: "no"}, "429", 3},
		{"silence", consultest.Fault{Delay: time.Hour}, "given up", 4},
	} {
		t.Run(tt.what, func(t *testing.T) {
			bubble(t, func(r *rig) {
				r.local.Workers = 1
				services := many(4)
				r.converge(services[3])
				r.consul.Fault(writesOf(tt.fault, "a.s001.http"))
				equal(r, []string{
					"add a.s000.http", "add a.s001.http: " + tt.want, "add a.s002.http", "remove a.s003.http",
				}, said(r.apply(services[:3]...)))
				equal(r, tt.questions, r.count(leaderQuestion)) // the first was converge's
				r.holds("s000:30000", "s002:30002")
			})
		})
	}
}

// TestWriteIsBounded: it is given up after a while, and the plan goes on.
func TestWriteIsBounded(t *testing.T) {
	bubble(t, func(r *rig) {
		r.consul.Fault(writesOf(consultest.Fault{Delay: time.Hour}, "a.s000.http"))
		var report register.Report
		equal(r, 15*time.Second, took(func() { report = r.apply(many(1)...) }))
		equal(r, []string{"add a.s000.http: timeout"}, said(report))
		equal(r, 15*time.Second, report.Outcomes[0].Took)
	})
}

// TestHangingWriteIsOvertaken wherever it stands: the others are done within 2 s, and
// after 4 s it is given up.
func TestHangingWriteIsOvertaken(t *testing.T) {
	for _, tt := range []struct {
		what    string
		hanging string
		want    []string
	}{
		{"the first", "a.s000.http", []string{"add a.s000.http: given up", "add a.s001.http", "add a.s002.http", "remove b.gone.http", "remove b.lost.http"}},
		{"the last", "a.s002.http", []string{"add a.s000.http", "add a.s001.http", "add a.s002.http: given up", "remove b.gone.http", "remove b.lost.http"}},
		{"a removal", "b.gone.http", []string{"add a.s000.http", "add a.s001.http", "add a.s002.http", "remove b.gone.http: given up", "remove b.lost.http"}},
	} {
		t.Run(tt.what, func(t *testing.T) {
			bubble(t, func(r *rig) {
				r.converge(service("b/gone", 31000), service("b/lost", 31001))
				plan := r.plan(many(3)...)
				r.consul.Fault(writesOf(consultest.Fault{Delay: time.Hour}, tt.hanging))
				begun := time.Now()
				report := r.local.Apply(r.Context(), plan, func(o register.Outcome) bool {
					if since := time.Since(begun); o.Err == nil && o.Step.Action == register.Add && since > 2*time.Second {
						r.Errorf("%s after %s", o.Step, since)
					}
					return true
				})
				equal(r, 4*time.Second, time.Since(begun))
				equal(r, tt.want, said(report))
				equal(r, nil, report.Stopped)
			})
		})
	}
}

// TestHangingAgentStopsThePlan: where more hang than there are workers, it is not this
// one or that one.
func TestHangingAgentStopsThePlan(t *testing.T) {
	bubble(t, func(r *rig) {
		r.consul.Fault(consultest.On("PUT", "/", consultest.Fault{Delay: time.Hour}))
		var report register.Report
		spent := took(func() { report = r.apply(many(60)...) })
		equal(r, "the agent leaves several writes without an answer at the same time", fmt.Sprint(report.Err()))
		// Two are late at the same instant. Before both are seen to be, the place of the
		// first may go to one more.
		if tried := report.Tried(); tried < 3 || tried > 4 || spent != time.Duration(2*tried)*time.Second {
			r.Errorf("%d tried in %v, want 3 in 6 s or 4 in 8 s, and not all 60", tried, spent)
		}
		r.consul.Fault(nil)
		r.converge(many(60)...)
	})
}

// TestNoLeaderNoWrite: a write would lock the agent's state for everybody on the node.
func TestNoLeaderNoWrite(t *testing.T) {
	bubble(t, func(r *rig) {
		r.converge(service("shop/gone", 30001))
		writes := len(r.consul.Writes())
		r.consul.SetLeader("")
		report := r.apply(service("shop/cart", 30002))
		equal(r, []string{"add shop.cart.http: postponed", "remove shop.gone.http: postponed"}, said(report))
		equal(r, "ask for leader: the Consul servers have none", fmt.Sprint(report.Err()))
		equal(r, writes, len(r.consul.Writes()))
		equal(r, 1, r.count(leaderQuestion)-1) // once, not once a step

		r.consul.SetLeader("10.0.0.100:8300")
		r.converge(service("shop/cart", 30002))
	})
}

// TestLostLeaderStopsThePlan in the middle. The write under way is given up; the agent
// has done what it had taken on.
func TestLostLeaderStopsThePlan(t *testing.T) {
	bubble(t, func(r *rig) {
		r.local.Workers = 1
		services := many(10)
		r.converge(services[9])
		writes := len(r.consul.Writes())
		r.consul.Fault(func(request *http.Request) *consultest.Fault {
			if subject(request) == prefix+"a.s002.http" {
				r.consul.SetLeader("")
			}
			return nil
		})
		plan := r.plan(services[:9]...)
		var report register.Report
		equal(r, 4*time.Second, took(func() { report = r.local.Apply(r.Context(), plan, nil) }))
		want := []string{"add a.s000.http", "add a.s001.http", "add a.s002.http: given up"}
		for i := 3; i < 9; i++ {
			want = append(want, fmt.Sprintf("add a.s%03d.http: postponed", i))
		}
		equal(r, append(want, "remove a.s009.http: postponed"), said(report))
		equal(r, 3, len(r.consul.Writes())-writes)
		equal(r, "ask for leader: the Consul servers have none", fmt.Sprint(report.Stopped))

		r.consul.Fault(nil)
		r.consul.SetLeader("10.0.0.100:8300")
		r.converge(services[:9]...)
	})
}

// TestLeaderIsAskedForAllTheTime, not only when a write fails.
func TestLeaderIsAskedForAllTheTime(t *testing.T) {
	bubble(t, func(r *rig) {
		r.local.Workers = 1
		start := time.Now()
		r.consul.Fault(func(request *http.Request) *consultest.Fault {
			switch lost := time.Since(start) > time.Second; {
			case request.Method == http.MethodPut:
				return &consultest.Fault{Delay: 900 * time.Millisecond}
			case request.URL.Path == "/v1/status/leader" && lost:
				return &consultest.Fault{Status: 200, Body: `""`}
			}
			return nil
		})
		report := r.apply(many(5)...)
		equal(r, []string{
			"add a.s000.http", "add a.s001.http", "add a.s002.http", "add a.s003.http: postponed", "add a.s004.http: postponed",
		}, said(report))
		equal(r, 2, r.count(leaderQuestion))
	})
}

// TestSlowWriteIsDoubted while it is under way: s001 takes 3 s and gives its place to
// s004 after 2 s, which asks for the leader. The answer does for s005.
func TestSlowWriteIsDoubted(t *testing.T) {
	bubble(t, func(r *rig) {
		delays := map[string]time.Duration{"a.s001.http": 3000, "a.s002.http": 1000, "a.s003.http": 1200, "a.s004.http": 1000}
		r.consul.Fault(func(request *http.Request) *consultest.Fault {
			return &consultest.Fault{Delay: delays[strings.TrimPrefix(subject(request), prefix)] * time.Millisecond}
		})
		start := time.Now()
		r.apply(many(6)...)
		var asked []time.Duration
		for _, request := range r.consul.Requests() {
			if request.String() == leaderQuestion {
				asked = append(asked, request.At.Sub(start))
			}
		}
		equal(r, []time.Duration{0, 2 * time.Second}, asked)
	})
}

// TestAtMostSoManyWritesAtOnce, and the first of a plan alone: if something is wrong,
// one call finds out. Each write takes a second.
func TestAtMostSoManyWritesAtOnce(t *testing.T) {
	for _, tt := range []struct {
		workers int
		want    []time.Duration // when the writes begin
	}{
		{0, []time.Duration{0, 1, 2, 3, 4, 5}},
		{1, []time.Duration{0, 1, 2, 3, 4, 5}},
		{2, []time.Duration{0, 1, 1, 2, 2, 3}},
		{3, []time.Duration{0, 1, 1, 1, 2, 2}},
		{8, []time.Duration{0, 1, 1, 1, 1, 1}},
	} {
		t.Run(fmt.Sprint(tt.workers), func(t *testing.T) {
			bubble(t, func(r *rig) {
				r.local.Workers = tt.workers
				times := func(requests []consultest.Request) []time.Duration {
					var all []time.Duration
					for _, request := range requests {
						all = append(all, request.At.Sub(requests[0].At)/time.Second)
					}
					return all
				}
				r.consul.Fault(consultest.On("PUT", "/", consultest.Fault{Delay: time.Second}))
				r.converge(many(6)...)
				equal(r, tt.want, times(r.consul.Writes()))
				r.converge()
				equal(r, tt.want, times(r.consul.Writes()[6:])) // removals alike
			})
		})
	}
}

func TestTwoWorkersUnlessSaidOtherwise(t *testing.T) {
	equal(t, 2, register.NewLocal(consultest.New().Client(), owner).Workers)
}

// TestRemovedAlreadyIsRemoved: somebody was faster.
func TestRemovedAlreadyIsRemoved(t *testing.T) {
	bubble(t, func(r *rig) {
		r.converge(service("shop/cart", 30001))
		plan := r.plan()
		if err := r.consul.Operator().Agent().ServiceDeregister(prefix + "shop.cart.http"); err != nil {
			r.Fatal(err)
		}
		report := r.local.Apply(r.Context(), plan, nil)
		equal(r, []string{"remove shop.cart.http"}, said(report))
		equal(r, 1, r.count(deregisterCall))
	})
}

// TestOthersNotFoundRemovesNothing: a proxy that does not find Consul says 404, too.
func TestOthersNotFoundRemovesNothing(t *testing.T) {
	bubble(t, func(r *rig) {
		r.converge(service("shop/cart", 30001))
		r.consul.Fault(consultest.On("PUT", "/", consultest.Fault{Status: 404, Body: "no such route"}))
		equal(r, []string{"remove shop.cart.http: 404"}, said(r.apply()))
		r.holds("cart:30001")
	})
}

// TestOperatorsChecksSurvive an update of ours, even one that drops a stale check.
func TestOperatorsChecksSurvive(t *testing.T) {
	bubble(t, func(r *rig) {
		r.converge(service("shop/cart", 30001))
		const id = prefix + "shop.cart.http"
		hang(r, r.consul, id, &api.AgentServiceCheck{CheckID: "ops", Name: "by hand", TTL: "1m"})
		hang(r, r.consul, id, &api.AgentServiceCheck{CheckID: id + ".grpc", Name: "NodePort", TCP: "10.0.0.1:1", Interval: "10s"})
		if err := r.consul.Operator().Agent().EnableServiceMaintenance(id, "mine"); err != nil {
			r.Fatal(err)
		}
		r.converge(service("shop/cart", 30002, withTags("new")))
		equal(r, []string{"_service_maintenance:" + id, id + ".tcp", "ops"}, r.checkIDs())
		equal(r, "mine", r.consul.Checks()["_service_maintenance:"+id].Notes)
		r.holds("cart:30002")
	})
}

func TestStaleCheckIsDropped(t *testing.T) {
	const id = prefix + "shop.cart.http"
	for _, tt := range []struct {
		what    string
		service kvschema.Service
		fault   consultest.Fault
		want    string
		checks  []string
	}{
		{"beside ours", service("shop/cart", 30001), consultest.Fault{}, "update shop.cart.http", []string{id + ".tcp"}},
		{"of a port that has none any more", service("shop/cart", 30001, withProtocol("UDP")), consultest.Fault{}, "update shop.cart.http", nil},
		{"gone already", service("shop/cart", 30001), consultest.Fault{Status: 404, Body: "Unknown check ID"}, "update shop.cart.http", []string{id + ".grpc", id + ".tcp"}},
		{"refused", service("shop/cart", 30001), consultest.Fault{Status: 500, Body: "no"}, "update shop.cart.http: 500", []string{id + ".grpc", id + ".tcp"}},
	} {
		t.Run(tt.what, func(t *testing.T) {
			bubble(t, func(r *rig) {
				r.converge(service("shop/cart", 30001))
				hang(r, r.consul, id, &api.AgentServiceCheck{CheckID: id + ".grpc", Name: "NodePort", TCP: "10.0.0.1:1", Interval: "10s"})
				r.consul.Fault(consultest.On("PUT", "/v1/agent/check/deregister/", tt.fault))
				equal(r, []string{tt.want}, said(r.apply(tt.service)))
				equal(r, tt.checks, r.checkIDs())
			})
		})
	}
}

// TestStolenCheckComesBack: check IDs are global on an agent, and another service may
// have been registered with ours.
func TestStolenCheckComesBack(t *testing.T) {
	bubble(t, func(r *rig) {
		r.converge(service("shop/cart", 30001))
		const check = prefix + "shop.cart.http.tcp"
		err := r.consul.Operator().Agent().ServiceRegister(&api.AgentServiceRegistration{
			ID: "thief", Name: "thief", Check: &api.AgentServiceCheck{CheckID: check, TTL: "1m"},
		})
		if err != nil {
			r.Fatal(err)
		}
		equal(r, "thief", r.consul.Checks()[check].ServiceID)
		r.converge(service("shop/cart", 30001))
		equal(r, prefix+"shop.cart.http", r.consul.Checks()[check].ServiceID)
	})
}

// TestLongPlanLooksAgain: an ID that somebody else takes while a plan is under way is
// neither written over nor removed.
func TestLongPlanLooksAgain(t *testing.T) {
	bubble(t, func(r *rig) {
		services := many(60)
		r.converge(services...)
		again := many(60, withTags("changed"))[:40]
		r.consul.Fault(consultest.On(http.MethodPut, "/", consultest.Fault{Delay: 10 * time.Millisecond}))
		plan := r.plan(again...)
		taken := []register.ID{idOf(services[30]), idOf(services[50])} // one to update, one to remove
		var after int
		report := r.local.Apply(r.Context(), plan, func(register.Outcome) bool {
			if after++; after == 20 {
				for _, id := range taken {
					theirs := &api.AgentServiceRegistration{ID: string(id), Name: "theirs", Port: 1}
					equal(r, nil, r.consul.Operator().Agent().ServiceRegister(theirs))
				}
			}
			return true
		})
		for _, o := range report.Outcomes {
			if o.Err == nil == slices.Contains(taken, o.Step.ID) {
				r.Errorf("%s: %v", o.Step, o.Err)
			}
		}
		for _, id := range taken {
			equal(r, "theirs", r.consul.Services()[string(id)].Service)
		}
		equal(r, taken[:1], r.plan(again...).Taken)
	})
}

// TestCancelReturnsAtOnce wherever it strikes, one second after the start.
func TestCancelReturnsAtOnce(t *testing.T) {
	hanging := consultest.Fault{Delay: time.Hour}
	for _, tt := range []struct {
		what  string
		fault func(*http.Request) *consultest.Fault
		want  []string
	}{
		{"in a registration", writesOf(hanging, "a.s000.http"), []string{"add a.s000.http: canceled", "add a.s001.http: postponed", "add a.s002.http: postponed", "remove b.gone.http: postponed"}},
		{"in a removal", writesOf(hanging, "b.gone.http"), []string{"add a.s000.http", "add a.s001.http", "add a.s002.http", "remove b.gone.http: canceled"}},
		{"in the question for the leader", consultest.On("GET", "/v1/status/leader", consultest.Fault{Delay: 1100 * time.Millisecond}), []string{"add a.s000.http: postponed", "add a.s001.http: postponed", "add a.s002.http: postponed", "remove b.gone.http: postponed"}},
	} {
		t.Run(tt.what, func(t *testing.T) {
			bubble(t, func(r *rig) {
				r.local.Workers = 1
				r.converge(service("b/gone", 31000))
				plan := r.plan(many(3)...)
				r.consul.Fault(tt.fault)
				ctx, cancel := context.WithCancel(r.Context())
				time.AfterFunc(time.Second, cancel)
				var report register.Report
				equal(r, time.Second, took(func() { report = r.local.Apply(ctx, plan, nil) }))
				equal(r, tt.want, said(report))
			})
		})
	}
	t.Run("in a dial", func(t *testing.T) {
		bubble(t, func(r *rig) {
			r.local.Dial = (&dials{silent: map[string]bool{"10.0.0.1:30000": true}}).dial
			plan := r.probing(health.Probe, many(200)...)
			ctx, cancel := context.WithCancel(r.Context())
			time.AfterFunc(time.Second/2, cancel)
			var report register.Report
			equal(r, time.Second/2, took(func() { report = r.local.Apply(ctx, plan, nil) }))
			equal(r, 0, len(r.consul.Writes())) // no port is called dead for it
			if !errors.Is(report.Stopped, context.Canceled) || len(report.Outcomes) != 200 {
				r.Errorf("%d outcomes, stopped: %v", len(report.Outcomes), report.Stopped)
			}
		})
	})
	t.Run("before the start", func(t *testing.T) {
		bubble(t, func(r *rig) {
			plan := r.plan(many(3)...)
			ctx, cancel := context.WithCancel(r.Context())
			cancel()
			report := r.local.Apply(ctx, plan, nil)
			equal(r, true, errors.Is(report.Err(), context.Canceled))
			equal(r, 0, len(r.consul.Writes()))
		})
	})
}

// TestDoneHearsOfEachStepTried once, one at a time, with what the report says of it.
// The race detector sees to the second.
// A plan gives way to what is more urgent after any of its steps, and the rest is as if it
// had never been tried.
func TestPlanGivesWay(t *testing.T) {
	bubble(t, func(r *rig) {
		r.local.Workers = 1
		r.converge(service("b/gone", 31000))
		var tried int
		report := r.local.Apply(r.Context(), r.plan(many(100)...), func(register.Outcome) bool { tried++; return tried < 3 })
		equal(r, []int{3, 3, 0}, []int{report.Tried(), report.Done(register.Add), report.Done(register.Remove)})
		equal(r, true, report.Yielded)
		equal(r, nil, report.Err())
		equal(r, 4, len(r.consul.Services()))
	})
}

func TestDoneHearsOfEachStepTried(t *testing.T) {
	bubble(t, func(r *rig) {
		r.local.Workers = 4
		r.converge(append(many(5), service("b/web", 30201))...)
		r.consul.Fault(writesOf(consultest.Fault{Status: 500, Body: "no"}, "a.s010.http", "c.web.http"))
		plan := r.plan(append(many(100)[5:], service("c/web", 30201))...)
		var busy atomic.Bool
		heard := map[register.ID]register.Outcome{}
		report := r.local.Apply(r.Context(), plan, func(o register.Outcome) bool {
			if busy.Swap(true) {
				r.Error("two at a time")
			}
			runtime.Gosched()
			if _, twice := heard[o.Step.ID]; twice {
				r.Errorf("heard of %s twice", o.Step)
			}
			heard[o.Step.ID] = o
			busy.Store(false)
			return true
		})
		equal(r, len(plan.Steps), len(report.Outcomes))
		var postponed []string
		for i, o := range report.Outcomes {
			equal(r, plan.Steps[i].String(), o.Step.String()) // in the order of the plan
			if errors.Is(o.Err, register.ErrPostponed) {
				postponed = append(postponed, o.Step.String())
				continue
			}
			equal(r, o, heard[o.Step.ID], cmpopts.EquateErrors())
			delete(heard, o.Step.ID)
		}
		equal(r, 0, len(heard))
		equal(r, []string{"remove " + prefix + "b.web.http"}, postponed)
	})
}

// TestHeldStepsAreNotTaken: only Steps are.
func TestHeldStepsAreNotTaken(t *testing.T) {
	bubble(t, func(r *rig) {
		r.converge(many(3)...)
		plan := register.Budget{}.Hold(r.plan(), register.Desired{}, 3)
		equal(r, 3, len(plan.Held))
		equal(r, register.Report{}, r.local.Apply(r.Context(), plan, nil))
		r.holds("s000:30000", "s001:30001", "s002:30002")
	})
}

// TestAfterIsWhatTheAgentShows: Actual.After must not lie, whatever was there, whatever
// is wanted and whatever fails, since it is what status and metrics say. And the
// next pass, with nothing failing, brings the agent to what is desired.
func TestAfterIsWhatTheAgentShows(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := consultest.New()
		local := register.NewLocal(c.Client(), owner)
		read := func() register.Actual {
			a, err := local.Actual(t.Context(), register.Desired{})
			if err != nil {
				t.Fatalf("%v", err)
			}
			return a
		}
		d, a := drawDesired(t), drawActual(t)
		seed(t, c, a)
		before := read()
		equal(t, a, before, liveStatus, cmpopts.EquateEmpty())

		plan := register.Diff(d, before)
		faults := []consultest.Fault{{}, {}, {Status: 400, Body: "no"}, {Status: 500, Body: "no"}, {Err: io.EOF}}
		fate := map[string]consultest.Fault{}
		for _, step := range plan.Steps {
			fate[string(step.ID)] = rapid.SampledFrom(faults).Draw(t, "fate of "+step.String())
		}
		c.Fault(func(r *http.Request) *consultest.Fault {
			fault := fate[subject(r)]
			return &fault
		})
		report := local.Apply(t.Context(), plan, nil)
		c.Fault(nil)
		equal(t, before.After(report), read(), liveStatus, cmpopts.EquateEmpty())

		report = local.Apply(t.Context(), register.Diff(d, read()), nil)
		equal(t, nil, report.Err())
		after := read()
		equal(t, []*register.Step(nil), register.Diff(d, after).Steps)
		equal(t, goal(d, a), after.Ours, liveStatus, cmpopts.EquateEmpty())
		equal(t, a.Taken, after.Taken, cmpopts.EquateEmpty())
	})
}

// liveStatus leaves out what Consul alone knows of a check.
var liveStatus = cmpopts.IgnoreFields(register.Check{}, "Status", "Output")

// seed puts services onto an agent.
func seed(t *rapid.T, c *consultest.Consul, a register.Actual) {
	t.Helper()
	operator := c.Operator().Agent()
	for _, id := range slices.Sorted(maps.Keys(a.Ours)) {
		have := a.Ours[id]
		request := &api.AgentServiceRegistration{
			ID: string(id), Name: have.Name, Address: have.Address, Port: have.Port, Tags: have.Tags, Meta: have.Meta.Map(),
			Weights: &have.Weights, EnableTagOverride: have.EnableTagOverride,
		}
		for _, c := range have.Checks.All() {
			check := &api.AgentServiceCheck{CheckID: c.ID, Name: c.Name, Notes: c.Notes}
			if c.Type == "tcp" {
				check.TCP, check.Interval = "10.0.0.1:1", "10s"
			} else {
				check.TTL = "1m"
			}
			request.Checks = append(request.Checks, check)
		}
		if err := operator.ServiceRegister(request); err != nil {
			t.Fatalf("%v", err)
		}
	}
	for id, name := range a.Taken {
		if err := operator.ServiceRegister(&api.AgentServiceRegistration{ID: string(id), Name: name}); err != nil {
			t.Fatalf("%v", err)
		}
	}
}
