package agent

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/k8s-registrar/k8s-registrar/register"
)

// guardWindow is how long a removal counts against the budget.
const guardWindow = 10 * time.Minute

// guard keeps big removals waiting for a human. What it remembers is lost with the
// process: all durable state is Consul's.
type guard struct {
	budget register.Budget
	// gone are the removals in the window, oldest first.
	gone []removal
	// released are the KV keys whose removal is approved, and until when.
	released map[string]time.Time
	// held are the KV keys whose removal waits, with what was announced for them as
	// far as that is known: what waits is announced, whoever else removes it.
	held map[string][]register.Registration
	// lost are the keys that the servers have forgotten, and since when we know.
	lost map[string]time.Time
}

// removal is a service that went, or that may have gone: when the answer of Consul is
// lost, it is not known.
type removal struct {
	id    register.ID
	at    time.Time
	known bool
}

// idle tells whether nothing waits for a human, or for time to pass.
func (g *guard) idle() bool { return len(g.held)+len(g.lost)+len(g.released) == 0 }

// withhold returns those of the lost keys whose services have to stay: not those whose
// removal is approved, nor those that have been lost for so long that it is believed.
// The withheld keys are lost as well, and only counted as such.
func (g *guard) withhold(lost, withheld []string, now time.Time) []string {
	since := map[string]time.Time{}
	for _, key := range slices.Concat(lost, withheld) {
		since[key] = now
		if first, known := g.lost[key]; known {
			since[key] = first
		}
	}
	var stay []string
	for _, key := range lost {
		if _, released := g.released[key]; !released && now.Sub(since[key]) < epochTrust {
			stay = append(stay, key)
		}
	}
	g.lost = since
	return stay
}

// hold takes out of the plan what has to wait.
func (g *guard) hold(plan register.Plan, desired register.Desired, owned int, now time.Time) register.Plan {
	g.gone = slices.DeleteFunc(g.gone, func(r removal) bool { return now.Sub(r.at) >= guardWindow })
	budget := g.budget
	budget.Spent = len(g.gone)
	g.expire(plan.Leaving(desired), now)
	budget.Released = map[string]struct{}{}
	for key := range g.released {
		budget.Released[key] = struct{}{}
	}
	budget.Held = map[string]struct{}{}
	for key := range g.held {
		budget.Held[key] = struct{}{}
	}
	return budget.Hold(plan, desired, owned)
}

// expire drops approvals whose time is up, and those of keys whose services do not
// leave any more: they are back, or somebody else has removed them.
func (g *guard) expire(leaving []*register.Step, now time.Time) {
	leaves := map[string]bool{}
	for _, step := range leaving {
		leaves[step.Key()] = true
	}
	for key, until := range g.released {
		if !now.Before(until) || !leaves[key] {
			delete(g.released, key)
		}
	}
}

// keep remembers what waits: what the plan holds, with what the pass before announced
// for it, and what has just been made desired again.
func (g *guard) keep(plan register.Plan, before register.Desired, restored []string) {
	held := map[string][]register.Registration{}
	for _, key := range restored {
		held[key] = g.held[key]
	}
	for _, step := range plan.Held {
		held[step.Key()] = g.held[step.Key()]
	}
	for _, want := range before.Want {
		if known, waits := held[want.Key()]; waits && len(g.held[want.Key()]) == 0 {
			held[want.Key()] = append(known, want)
		}
	}
	g.held = held
}

// restore makes desired again what waits and is not registered any more, and returns
// the keys of it.
func (g *guard) restore(desired register.Desired, actual register.Actual) []string {
	if len(g.held) == 0 {
		return nil
	}
	var restored []string
	moved := desired.Moved()
	for key, registrations := range g.held {
		if _, released := g.released[key]; released {
			continue
		}
		for _, r := range registrations {
			if _, there := actual.Ours[r.ID]; !there && !moved(key, r.Name, r.Port) {
				desired.Want[r.ID] = r
				restored = append(restored, key)
			}
		}
	}
	return restored
}

// note counts what was removed. A move is no removal, and what a human approved does
// not count either.
func (g *guard) note(pass Pass, now time.Time) {
	outcomes := map[register.ID]error{}
	for _, o := range pass.Report.Outcomes {
		outcomes[o.Step.ID] = o.Err
	}
	gone := map[string]bool{} // keys all of whose services went
	for _, step := range pass.Plan.Leaving(pass.Desired) {
		err := outcomes[step.ID]
		_, released := g.released[step.Key()]
		before, more := gone[step.Key()]
		gone[step.Key()] = err == nil && (before || !more)
		switch {
		case err != nil && statusCode(err) != 0, errors.Is(err, register.ErrPostponed):
		case !released:
			g.count(removal{id: step.ID, at: now, known: err == nil})
		}
	}
	for key, all := range gone {
		if all && !pass.More() { // else the rest of it may follow
			delete(g.released, key) // an approval is for one removal of a key
		}
	}
}

// count adds a removal. The next try of one that may have happened is the same one.
func (g *guard) count(r removal) {
	for i, before := range g.gone {
		if before.id == r.id && !before.known {
			g.gone[i] = r
			return
		}
	}
	g.gone = append(g.gone, r)
}

// release lets the removal of these keys happen.
func (g *guard) release(keys []string, until time.Time) {
	if g.released == nil {
		g.released = map[string]time.Time{}
	}
	for _, key := range keys {
		g.released[key] = until
	}
}

// Waiting is a set of removals that a human has to approve.
type Waiting struct {
	// Hash names the set. It is made of the KV keys alone, so it is the same on every
	// node that would remove the same services.
	Hash string `json:"hash"`
	// Why says why they wait.
	Why string `json:"why"`
	// Keys are the KV keys whose services would go, sorted.
	Keys []string `json:"keys"`
	// Withheld tells that they wait because the servers went back in time, and not
	// because they are many.
	Withheld bool `json:"withheld"`
}

func newWaiting(why string, keys []string) Waiting {
	slices.Sort(keys)
	keys = slices.Compact(keys)
	sum := sha256.Sum256([]byte(strings.Join(keys, "\n")))
	return Waiting{Hash: hex.EncodeToString(sum[:6]), Why: why, Keys: keys}
}

// waiting lists what waits in a pass.
func waiting(pass Pass) []Waiting {
	var all []Waiting
	if keys := slices.Concat(pass.Belief.withheldKeys(), pass.Lost); len(keys) > 0 {
		w := newWaiting(withheldText(keys), keys)
		w.Withheld = true
		all = append(all, w)
	}
	if held := pass.Plan.Held; len(held) > 0 {
		var keys []string
		for _, step := range held {
			keys = append(keys, step.Key())
		}
		all = append(all, newWaiting(heldText(pass), keys))
	}
	return all
}
