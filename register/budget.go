package register

// Budget is how many services may go before a human is asked.
type Budget struct {
	// Min may always go.
	Min int
	// Percent of what we own may go, if that is more than Min.
	Percent int
	// Unlimited lets everything go.
	Unlimited bool
	// Spent is how many have gone lately: they count against the budget.
	Spent int
	// Released are the KV keys whose removal a human has approved: they do not.
	Released map[string]struct{}
	// Held are the KV keys whose removal has been held before: it waits for a human,
	// however small what is left of it.
	Held map[string]struct{}
}

// Hold takes the removals out of the plan if they are more than the budget allows
// of the owned services: all of them, since nobody can tell the right ones from the
// wrong ones. Additions and updates stay, and so do moves, see [Plan.Leaving].
func (b Budget) Hold(plan Plan, desired Desired, owned int) Plan {
	if b.Unlimited {
		return plan
	}
	var fresh int
	held := map[ID]bool{}
	for _, step := range plan.Leaving(desired) {
		if _, released := b.Released[step.Key()]; released {
			continue
		}
		held[step.ID] = true
		if _, before := b.Held[step.Key()]; !before {
			fresh++
		}
	}
	if len(held) == 0 {
		return plan
	}
	enough := b.Spent+fresh <= max(b.Min, (owned+b.Spent)*b.Percent/100)
	kept := make([]*Step, 0, len(plan.Steps))
	for _, step := range plan.Steps {
		_, before := b.Held[step.Key()]
		if held[step.ID] && (before || !enough) {
			plan.Held = append(plan.Held, step)
		} else {
			kept = append(kept, step)
		}
	}
	plan.Steps = kept
	return plan
}

// Leaving returns the removals of services that go away. A move is none of them, see
// [Desired.Moved]. A further port is one, also if its Service stays: it has a name of its
// own, which whoever asks for does not find any more.
func (p Plan) Leaving(desired Desired) []*Step {
	if p.Count(Remove) == 0 {
		return nil
	}
	moved := desired.Moved()
	var leaving []*Step
	for _, step := range p.Steps {
		if step.Action == Remove && !moved(step.Key(), step.Have.Name, step.Have.Port) {
			leaving = append(leaving, step)
		}
	}
	return leaving
}
