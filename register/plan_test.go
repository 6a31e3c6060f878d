package register_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/hashicorp/consul/api"
	"pgregory.net/rapid"

	"github.com/k8s-registrar/k8s-registrar/kvschema"
	"github.com/k8s-registrar/k8s-registrar/register"
)

func TestDiff(t *testing.T) {
	cart, web := service("shop/cart", 30001), service("shop/web", 30002)
	kept := register.Desired{Keep: map[string]struct{}{cart.Key: {}}}
	type plan struct{ Steps, Taken []string }
	taken := register.Actual{Taken: map[register.ID]string{idOf(cart): "cart"}}
	takenMove := actual(shown(registration(t, service("shop/cart", 30001, withPort("old", 80)))))
	takenMove.Taken = taken.Taken
	for _, tt := range []struct {
		what    string
		desired register.Desired
		actual  register.Actual
		want    plan
	}{
		{"nothing and nothing", register.Desired{}, register.Actual{}, plan{}},
		{"wanted, same", desired(t, cart), actual(shown(registration(t, cart))), plan{}},
		{"wanted, different", desired(t, cart), actual(shown(registration(t, service("shop/cart", 30009)))), plan{Steps: []string{"update shop.cart.http"}}},
		{"wanted, not there", desired(t, cart), register.Actual{}, plan{Steps: []string{"add shop.cart.http"}}},
		{"wanted, somebody else's", desired(t, cart), taken, plan{Taken: []string{"shop.cart.http"}}},
		{"kept, there", kept, actual(shown(registration(t, service("shop/cart", 30009)))), plan{}},
		{"kept, there under two IDs", kept, actual(shown(registration(t, cart)), shown(registration(t, service("shop/cart", 30001, withPort("old", 80))))), plan{}},
		{"kept, not there", kept, register.Actual{}, plan{}},
		{"kept, somebody else's", kept, taken, plan{}},
		{"not wanted, there", register.Desired{}, actual(shown(registration(t, cart))), plan{Steps: []string{"remove shop.cart.http"}}},
		{"not wanted, somebody else's", register.Desired{}, taken, plan{}},
		{"moves to another ID", desired(t, cart), actual(shown(registration(t, service("shop/cart", 30001, withPort("old", 80))))), plan{Steps: []string{"add shop.cart.http", "remove shop.cart.old"}}},
		{"moves to somebody else's ID", desired(t, cart), takenMove, plan{Taken: []string{"shop.cart.http"}}},
		{
			"order", desired(t, web, service("a/z", 30003), service("z/a", 30004), service("m/m", 30005, withTags("new"))),
			actual(shown(registration(t, service("shop/web", 30009))), shown(registration(t, service("m/m", 30005))),
				shown(registration(t, service("z/gone", 30006))), shown(registration(t, service("a/gone-2", 30007)))),
			plan{Steps: []string{"add a.z.http", "add z.a.http", "update m.m.http", "update shop.web.http", "remove a.gone-2.http", "remove z.gone.http"}},
		},
	} {
		t.Run(tt.what, func(t *testing.T) {
			got := register.Diff(tt.desired, tt.actual)
			var taken []string
			for _, id := range got.Taken {
				taken = append(taken, strings.TrimPrefix(string(id), prefix))
			}
			equal(t, tt.want, plan{lines(got.Steps), taken})
			equal(t, len(tt.want.Steps)+len(tt.want.Taken) == 0, got.Empty())
		})
	}
}

func TestPlanInWords(t *testing.T) {
	gone := service("shop/gone", 30002)
	plan := register.Diff(desired(t, service("shop/cart", 30001)), actual(shown(registration(t, gone))))
	equal(t, "add k8s-registrar-default.shop.cart.http\nremove k8s-registrar-default.shop.gone.http\n", plan.String())
	var got []string
	for _, step := range plan.Steps {
		got = append(got, step.Name()+" "+step.Key())
	}
	equal(t, []string{"cart kubernetes/deployments/shop/cart", "gone kubernetes/deployments/shop/gone"}, got)
}

// TestAppliedPlanGivesWhatIsDesired is what the program is for: carried out without
// failure, the plan leads to the desired state, and then there is nothing to do.
func TestAppliedPlanGivesWhatIsDesired(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d, a := drawDesired(t), drawActual(t)
		plan := register.Diff(d, a)
		after := a.After(tried(plan, nil))
		equal(t, goal(d, a), after.Ours, cmpopts.EquateEmpty())
		equal(t, register.Plan{Taken: plan.Taken}, register.Diff(d, after))
	})
}

// TestFailedStepsArePlannedAgain and nothing else is.
func TestFailedStepsArePlannedAgain(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d, a := drawDesired(t), drawActual(t)
		plan := register.Diff(d, a)
		failed := map[register.ID]bool{}
		var rest []*register.Step
		for _, step := range plan.Steps {
			if failed[step.ID] = rapid.Bool().Draw(t, "fails"); failed[step.ID] {
				rest = append(rest, step)
			}
		}
		after := a.After(tried(plan, failed))
		equal(t, rest, register.Diff(d, after).Steps)

		want := goal(d, a)
		for id := range failed {
			if !failed[id] {
				continue
			}
			if have, ours := a.Ours[id]; ours {
				want[id] = have
			} else {
				delete(want, id)
			}
		}
		equal(t, want, after.Ours, cmpopts.EquateEmpty())
	})
}

// TestPlanTouchesNothingElse protects whatever is not ours, and the order of steps.
func TestPlanTouchesNothingElse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d, a := drawDesired(t), drawActual(t)
		plan := register.Diff(d, a)
		seen := map[register.ID]bool{}
		for _, step := range plan.Steps {
			have, ours := a.Ours[step.ID]
			want, wanted := d.Want[step.ID]
			if seen[step.ID] {
				t.Errorf("%s: there are two steps for the ID", step)
			}
			seen[step.ID] = true
			if _, taken := a.Taken[step.ID]; taken {
				t.Errorf("%s: it belongs to somebody else", step)
			}
			known := map[register.Action]bool{
				register.Add:    wanted && !ours,
				register.Update: wanted && ours && len(step.Changes) > 0,
				register.Remove: !wanted && ours,
			}
			if !known[step.Action] {
				t.Errorf("%s: wanted %v, ours %v, changes %v", step, wanted, ours, step.Changes)
			}
			equal(t, have, step.Have)
			if step.Action != register.Remove {
				equal(t, bare(want), bare(step.Want))
			}
		}
		for _, id := range plan.Taken {
			_, wanted := d.Want[id]
			_, taken := a.Taken[id]
			if !wanted || !taken {
				t.Errorf("%s is in Taken: wanted %v, taken %v", id, wanted, taken)
			}
		}
		inOrder := slices.IsSortedFunc(plan.Steps, func(a, b *register.Step) int { return strings.Compare(rank(a), rank(b)) })
		if !inOrder || !slices.IsSorted(plan.Taken) {
			t.Errorf("not in order:\n%s%v", plan, plan.Taken)
		}
	})
}

func TestDiffDependsOnNothingElse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d, a := drawDesired(t), drawActual(t)
		before := encoded(t, d, a)
		plan := register.Diff(d, a)
		equal(t, plan, register.Diff(d, a))
		a.After(tried(plan, nil))
		equal(t, before, encoded(t, d, a)) // they did not change
	})
}

// rank sorts like the steps of a plan.
func rank(s *register.Step) string {
	order := map[register.Action]string{register.Add: "1", register.Update: "2", register.Remove: "3"}
	return order[s.Action] + string(s.ID)
}

// goal is what the agent should hold in the end, told in other words than Diff's.
func goal(d register.Desired, a register.Actual) map[register.ID]*register.Registered {
	goal := map[register.ID]*register.Registered{}
	stays := map[string]bool{}
	for key := range d.Keep {
		stays[key] = true
	}
	for id, want := range d.Want {
		if _, taken := a.Taken[id]; taken {
			stays[want.Key()] = true // its predecessor is all there is
			continue
		}
		now := shown(want)
		var held register.Registered
		if have, ours := a.Ours[id]; ours {
			held = *have
		}
		if held.Meta.Of(register.MetaNonce) != "" {
			now = nonced(now) // it stays
		}
		for _, check := range now.Checks.All() { // a live status is Consul's matter
			live, _ := held.Checks.Of(check.ID)
			check.Status = live.Status
			now.Checks = now.Checks.With(check)
		}
		for _, check := range held.Checks.All() {
			if strings.HasPrefix(check.ID, "ops-") {
				now.Checks = now.Checks.With(check)
			}
		}
		goal[id] = &now
	}
	for id, have := range a.Ours {
		if _, wanted := d.Want[id]; !wanted && stays[have.Key()] {
			goal[id] = have
		}
	}
	return goal
}

// tried reports a plan of which some steps failed.
func tried(plan register.Plan, failed map[register.ID]bool) register.Report {
	var report register.Report
	for _, step := range plan.Steps {
		outcome := register.Outcome{Step: step}
		if failed[step.ID] {
			outcome.Err = errors.New("refused")
		}
		report.Outcomes = append(report.Outcomes, outcome)
	}
	return report
}

func encoded(t tb, values ...any) string {
	t.Helper()
	text, err := json.Marshal(values)
	if err != nil {
		t.Fatalf("%v", err)
	}
	return string(text)
}

// TestConsulsOwnAdditionsAreNoChange has what an agent shows of a service that is as
// it should be, and TestChange what it shows of one that is not.
func TestConsulsOwnAdditionsAreNoChange(t *testing.T) {
	const ours = prefix + "shop.cart.http.tcp"
	cart := service("shop/cart", 30001, withTags("a", "b"))
	for _, tt := range []struct {
		what    string
		service kvschema.Service
		edit    func(*register.Registered)
	}{
		{"nothing", cart, func(*register.Registered) {}},
		{"no tags as nil", service("shop/cart", 30001), func(h *register.Registered) { h.Tags = nil }},
		{"no tags as empty", service("shop/cart", 30001), func(h *register.Registered) { h.Tags = []string{} }},
		{"status of the check", cart, func(h *register.Registered) { h.Checks = with(h.Checks, ours, "critical", "refused") }},
		{"no checks as nil", service("shop/cart", 30001, withProtocol("UDP")), func(h *register.Registered) { h.Checks = register.Checks{} }},
		{"operator's check", cart, func(h *register.Registered) {
			h.Checks = h.Checks.With(register.Check{ID: "ops", Name: "ops", Type: "http"})
		}},
		{"check of the default ID", cart, func(h *register.Registered) {
			h.Checks = h.Checks.With(register.Check{ID: "service:" + string(h.ID), Type: "ttl"})
		}},
		{"maintenance", cart, func(h *register.Registered) {
			h.Checks = h.Checks.With(register.Check{ID: "_service_maintenance:" + string(h.ID), Name: "Service Maintenance Mode", Notes: "mine", Type: "maintenance", Status: "critical"})
		}},
		{"nonce", cart, func(h *register.Registered) {
			h.Meta = h.Meta.With(register.MetaNonce, "n")
			c, _ := h.Checks.Of(ours)
			c.Notes += " (#n)"
			h.Checks = h.Checks.With(c)
		}},
		{"check of a similar ID", cart, func(h *register.Registered) {
			h.Checks = h.Checks.With(register.Check{ID: string(h.ID) + "-2.tcp", Type: "tcp"})
		}},
	} {
		t.Run(tt.what, func(t *testing.T) { equal(t, []string(nil), changes(t, tt.service, tt.edit)) })
	}
}

func TestChange(t *testing.T) {
	const ours = prefix + "shop.cart.http.tcp"
	const check = "NodePort (tcp, TCP connect to 10.0.0.1:30001 every 10s, timeout 2s)"
	tcp := service("shop/cart", 30001, withTags("a", "b"))
	udp := service("shop/cart", 30001, withProtocol("UDP"))
	stale := func(id string) register.Check {
		return register.Check{ID: id, Name: "NodePort", Notes: "old", Type: "tcp"}
	}
	for _, tt := range []struct {
		what    string
		service kvschema.Service
		edit    func(*register.Registered)
		want    []string
	}{
		{"name", tcp, func(h *register.Registered) { h.Name = "kart" }, []string{"name: kart -> cart"}},
		{"address", tcp, func(h *register.Registered) { h.Address = "10.9.9.9" }, []string{"address: - 10.9.9.9"}},
		{"port", tcp, func(h *register.Registered) { h.Port = 1 }, []string{"port: 1 -> 30001"}},
		{"no port", tcp, func(h *register.Registered) { h.Port = 0 }, []string{"port: 0 -> 30001"}},
		{"weight", tcp, func(h *register.Registered) { h.Weights.Passing = 10 }, []string{"weights: 10/1 -> 1/1"}},
		{"weight in warning", tcp, func(h *register.Registered) { h.Weights.Warning = 0 }, []string{"weights: 1/0 -> 1/1"}},
		{"tag override", tcp, func(h *register.Registered) { h.EnableTagOverride = true }, []string{"tag override: true -> false"}},
		{"tag gone", tcp, func(h *register.Registered) { h.Tags = []string{"b"} }, []string{"tag: + a"}},
		{"tag added", tcp, func(h *register.Registered) { h.Tags = []string{"a", "b", "c"} }, []string{"tag: - c"}},
		{"tag changed", tcp, func(h *register.Registered) { h.Tags = []string{"a", "B"} }, []string{"tag: - B", "tag: + b"}},
		{"order of tags", tcp, func(h *register.Registered) { h.Tags = []string{"b", "a"} }, []string{"order of tags: b a -> a b"}},
		{"tag twice", tcp, func(h *register.Registered) { h.Tags = []string{"a", "a", "b"} }, []string{"order of tags: a a b -> a b"}},
		{"meta changed", tcp, func(h *register.Registered) { h.Meta = h.Meta.With("external-source", "nomad") }, []string{"meta external-source: nomad -> kubernetes"}},
		{"meta gone", tcp, func(h *register.Registered) { h.Meta = h.Meta.Without("external-source") }, []string{"meta external-source: + kubernetes"}},
		{"meta added", tcp, func(h *register.Registered) { h.Meta = h.Meta.With("x", "y") }, []string{"meta x: - y"}},
		{"fingerprint", tcp, func(h *register.Registered) { h.Meta = h.Meta.With(register.MetaFingerprint, "old") }, []string{"meta k8s-registrar-fingerprint: old -> FINGERPRINT"}},
		{"nonce of the service only", tcp, func(h *register.Registered) { h.Meta = h.Meta.With(register.MetaNonce, "n") }, []string{"check " + ours + ": " + check + " -> " + strings.Replace(check, "2s", "2s (#n)", 1)}},
		{"check gone", tcp, func(h *register.Registered) { h.Checks = register.Checks{} }, []string{"check " + ours + ": + " + check}},
		{"check edited", tcp, func(h *register.Registered) {
			h.Checks = h.Checks.With(register.Check{ID: ours, Name: "NodePort", Type: "tcp", Notes: "edited"})
		}, []string{"check " + ours + ": NodePort (tcp, edited) -> " + check}},
		{"check renamed", tcp, func(h *register.Registered) {
			c, _ := h.Checks.Of(ours)
			c.Name = "x"
			h.Checks = h.Checks.With(c)
		}, []string{"check " + ours + ": " + strings.Replace(check, "NodePort", "x", 1) + " -> " + check}},
		{"check of another type", tcp, func(h *register.Registered) {
			c, _ := h.Checks.Of(ours)
			c.Type = "ttl"
			h.Checks = h.Checks.With(c)
		}, []string{"check " + ours + ": " + strings.Replace(check, "tcp,", "ttl,", 1) + " -> " + check}},
		{"stale check of ours", tcp, func(h *register.Registered) { h.Checks = h.Checks.With(stale(string(h.ID) + ".http")) }, []string{"check " + prefix + "shop.cart.http.http: - NodePort (tcp, old)"}},
		{"check of a port that has none", udp, func(h *register.Registered) { h.Checks = register.Checks{}.With(stale(ours)) }, []string{"check " + ours + ": - NodePort (tcp, old)"}},
		{"several", tcp, func(h *register.Registered) { h.Port, h.Tags, h.Checks = 1, nil, register.Checks{} }, []string{"port: 1 -> 30001", "tag: + a", "tag: + b", "check " + ours + ": + " + check}},
	} {
		t.Run(tt.what, func(t *testing.T) { equal(t, tt.want, changes(t, tt.service, tt.edit)) })
	}
}

// TestRegistrationWithoutMeta protects from a panic on odd values.
func TestRegistrationWithoutMeta(t *testing.T) {
	id := register.ID(prefix + "shop.cart.http")
	d := register.Desired{Want: map[register.ID]register.Registration{id: {ID: id, Name: "cart"}}}
	have := register.Registered{ID: id, Name: "cart", Weights: api.AgentWeights{Passing: 1, Warning: 1}, Meta: register.NewMeta(map[string]string{"x": "y"})}
	plan := register.Diff(d, actual(have))
	equal(t, []register.Change{{Field: "meta x", Have: "y"}}, plan.Steps[0].Changes)
}

// changes says in words what Diff finds in an edited service.
func changes(t *testing.T, s kvschema.Service, edit func(*register.Registered)) []string {
	t.Helper()
	d := desired(t, s)
	want := d.Want[idOf(s)]
	have := shown(want)
	edit(&have)
	var all []string
	for _, step := range register.Diff(d, actual(have)).Steps {
		equal(t, register.Update, step.Action)
		for _, change := range step.Changes {
			all = append(all, strings.ReplaceAll(change.String(), want.Meta.Of(register.MetaFingerprint), "FINGERPRINT"))
		}
	}
	return all
}

func with(checks register.Checks, id, status, output string) register.Checks {
	c, _ := checks.Of(id)
	c.Status, c.Output = status, output
	return checks.With(c)
}
