package register_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/k8s-registrar/k8s-registrar/kvschema"
	"github.com/k8s-registrar/k8s-registrar/register"
)

// TestBigRemovalsWait has plans of an agent with so many services, of which some go
// and some move to another ID; beside them there is always one to add and one to
// update.
func TestBigRemovalsWait(t *testing.T) {
	usual := register.Budget{Min: 10, Percent: 20}
	for _, tt := range []struct {
		what              string
		budget            register.Budget
		owned, goes, move int
		held              int
	}{
		{"below the minimum", usual, 30, 9, 0, 0},
		{"at the minimum", usual, 30, 10, 0, 0},
		{"above the minimum", usual, 30, 11, 0, 11},
		{"at the percentage", usual, 100, 20, 0, 0},
		{"above the percentage", usual, 100, 21, 0, 21},
		{"percentage is rounded down", usual, 99, 20, 0, 20},
		{"just below a whole percentage", usual, 99, 19, 0, 0},
		{"all of many", usual, 11, 11, 0, 11},
		{"moves are not counted", usual, 100, 20, 70, 0},
		{"moves are never held", usual, 100, 30, 60, 30},
		{"everything moves", usual, 100, 0, 100, 0},
		{"spent already", register.Budget{Min: 10, Percent: 20, Spent: 8}, 30, 3, 0, 3},
		{"spent a part", register.Budget{Min: 10, Percent: 20, Spent: 7}, 30, 3, 0, 0},
		{"percentage of what there was", register.Budget{Min: 10, Percent: 20, Spent: 20}, 80, 1, 0, 1},
		{"all of the percentage of what there was", register.Budget{Min: 10, Percent: 20, Spent: 19}, 81, 1, 0, 0},
		{"overspent, nothing goes", register.Budget{Min: 1, Spent: 50}, 10, 0, 5, 0},
		{"unlimited", register.Budget{Unlimited: true}, 100, 100, 0, 0},
		{"unlimited beside small numbers", register.Budget{Min: 1, Percent: 1, Unlimited: true}, 100, 50, 10, 0},
		{"nothing may go", register.Budget{}, 100, 1, 0, 1},
		{"nothing may go, nothing goes", register.Budget{}, 100, 0, 5, 0},
		{"everything may go", register.Budget{Percent: 100}, 100, 100, 0, 0},
	} {
		t.Run(tt.what, func(t *testing.T) {
			d, a := shrunk(t, tt.owned, tt.goes, tt.move)
			before := register.Diff(d, a)
			plan := tt.budget.Hold(register.Diff(d, a), d, len(a.Ours))

			want := []int{1, before.Count(register.Update), tt.goes + tt.move - tt.held, tt.held}
			got := []int{plan.Count(register.Add) - tt.move, plan.Count(register.Update), plan.Count(register.Remove), len(plan.Held)}
			equal(t, want, got)
			for _, step := range plan.Held {
				if step.Action != register.Remove || step.Have.Port >= moving {
					t.Errorf("held: %s", step)
				}
			}
			// Nothing is lost and the order stays.
			equal(t, lines(before.Steps), lines(append(plan.Steps, plan.Held...)), sorted)
			equal(t, less(before.Steps, plan.Held), lines(plan.Steps))
		})
	}
}

// TestTinySetsMayGo protects a node with few services from a guard that makes no
// sense there.
func TestTinySetsMayGo(t *testing.T) {
	usual := register.Budget{Min: 10, Percent: 20}
	for owned := 1; owned <= 10; owned++ {
		d, a := shrunk(t, owned, owned, 0)
		if plan := usual.Hold(register.Diff(d, a), d, len(a.Ours)); len(plan.Held) > 0 {
			t.Errorf("%d of %d: held %v", owned, owned, lines(plan.Held))
		}
	}
}

// TestReleasedRemovalsGo protects what a human approved, and only that.
func TestReleasedRemovalsGo(t *testing.T) {
	d, a := shrunk(t, 6, 4, 1)
	approved := map[string]struct{}{"kubernetes/deployments/a/s000": {}, "kubernetes/deployments/a/s002": {}}
	for _, tt := range []struct {
		budget register.Budget
		held   []string
	}{
		{register.Budget{Min: 2, Released: approved}, nil},
		{register.Budget{Min: 1, Released: approved}, []string{"remove a.s001.http", "remove a.s003.http"}},
	} {
		plan := tt.budget.Hold(register.Diff(d, a), d, len(a.Ours))
		equal(t, tt.held, lines(plan.Held))
		equal(t, 5-len(tt.held), plan.Count(register.Remove))
	}
}

// TestRemovalWithoutKeyIsCounted protects from what somebody made of our meta: a
// removal that cannot name its key is no move.
func TestRemovalWithoutKeyIsCounted(t *testing.T) {
	have := shown(registration(t, service("a/gone", 30001)))
	have.Meta = have.Meta.Without(register.MetaKey)
	d, a := desired(t, service("a/stays", 30002)), actual(have)
	plan := register.Budget{}.Hold(register.Diff(d, a), d, 1)
	equal(t, []string{"remove a.gone.http"}, lines(plan.Held))
}

var sorted = cmpopts.SortSlices(func(a, b string) bool { return a < b })

// moving is the first NodePort of the services that move.
const moving = 31000

// shrunk has so many owned services, of which some go and some move. One is updated
// if any stays, and one is added.
func shrunk(t *testing.T, owned, going, moved int) (register.Desired, register.Actual) {
	t.Helper()
	wanted := []kvschema.Service{service("b/new", 32000)}
	var ours []register.Registered
	for i := range owned {
		path := fmt.Sprintf("a/s%03d", i)
		port := uint16(30000 + i)
		switch stays := i - going - moved; {
		case i < going:
		case stays < 0:
			port += moving - 30000
			wanted = append(wanted, service(path, port, withPort("renamed", 80)))
		case stays == 0:
			wanted = append(wanted, service(path, port, withTags("new")))
		default:
			wanted = append(wanted, service(path, port))
		}
		ours = append(ours, shown(registration(t, service(path, port))))
	}
	return desired(t, wanted...), actual(ours...)
}

// less are the steps without the held ones.
func less(steps, held []*register.Step) []string {
	gone := map[register.ID]bool{}
	for _, step := range held {
		gone[step.ID] = true
	}
	var rest []*register.Step
	for _, step := range steps {
		if !gone[step.ID] {
			rest = append(rest, step)
		}
	}
	return lines(rest)
}

// TestFurtherPortsThatGoAreRemovals, though their Service stays: each had a name of its own.
// What only changed its ID, its port or its name is a move.
func TestFurtherPortsThatGoAreRemovals(t *testing.T) {
	port := func(name string, nodePort uint16) kvschema.Port {
		return kvschema.Port{Name: name, Protocol: "TCP", Port: nodePort - 30000, NodePort: nodePort}
	}
	with := func(ports ...kvschema.Port) kvschema.Service {
		return service("a/cart", 0, func(s *kvschema.Service) { s.Ports = ports })
	}
	before := with(port("http", 30080), port("admin", 30081), port("metrics", 30082))
	for _, tt := range []struct {
		what  string
		after kvschema.Service
		held  []string
	}{
		{"all but the first", with(port("http", 30080)), []string{"remove a.cart.admin", "remove a.cart.metrics"}},
		{"one of them", with(port("http", 30080), port("admin", 30081)), []string{"remove a.cart.metrics"}},
		{"another is the first", with(port("admin", 30081), port("http", 30080), port("metrics", 30082)), nil},
		{"another is the first and the only one", with(port("admin", 30081)), []string{"remove a.cart.metrics"}},
		{"the first has another name and number", with(port("web", 30090), port("admin", 30081), port("metrics", 30082)), nil},
		{"a further one has another name", with(port("http", 30080), port("control", 30081), port("metrics", 30082)), nil},
		{"a further one has another number", with(port("http", 30080), port("admin", 30091), port("metrics", 30082)), nil},
		{"a further one has another name and number", with(port("http", 30080), port("control", 30091), port("metrics", 30082)), []string{"remove a.cart.admin"}},
		{"all have other names", with(port("a", 30080), port("b", 30081), port("c", 30082)), nil},
	} {
		t.Run(tt.what, func(t *testing.T) {
			var ours []register.Registered
			for _, r := range desired(t, before).Want {
				ours = append(ours, shown(r))
			}
			d := desired(t, tt.after)
			plan := register.Budget{}.Hold(register.Diff(d, actual(ours...)), d, len(ours))
			equal(t, tt.held, lines(plan.Held))
		})
	}
}
