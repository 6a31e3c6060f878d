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
}

// Hold takes the removals out of the plan if they are more than the budget allows
// of the owned services: all of them, since nobody can tell the right ones from the
// wrong ones. Additions and updates stay.
//
// A removal whose KV key is announced under another ID is a move: it is not counted,
// and never held.
func (b Budget) Hold(plan Plan, desired Desired, owned int) Plan {
	announced := map[string]bool{}
	for _, want := range desired.Want {
		announced[want.Key()] = true
	}
	counts := func(s Step) bool {
		_, released := b.Released[s.Have.Key()]
		return s.Action == Remove && !announced[s.Have.Key()] && !released
	}
	var count int
	for _, step := range plan.Steps {
		if counts(step) {
			count++
		}
	}
	if b.Unlimited || b.Spent+count <= max(b.Min, (owned+b.Spent)*b.Percent/100) {
		return plan
	}
	kept := make([]Step, 0, len(plan.Steps)-count)
	for _, step := range plan.Steps {
		if counts(step) {
			plan.Held = append(plan.Held, step)
		} else {
			kept = append(kept, step)
		}
	}
	plan.Steps = kept
	return plan
}
