package register

// Budget is how many services may go in one pass before a human is asked.
type Budget struct {
	// Min may always go.
	Min int
	// Percent of what we own may go, if that is more than Min.
	Percent int
	// Unlimited lets everything go.
	Unlimited bool
}

// Hold takes the removals out of the plan if they are more than the budget allows
// of the owned services: all of them, since nobody can tell the right ones from the
// wrong ones. Additions and updates stay.
//
// A removal whose KV key is announced under another ID is a move and not counted,
// and never held.
func (b Budget) Hold(plan Plan, desired Desired, owned int) Plan {
	wanted := map[string]bool{}
	for _, want := range desired.Want {
		wanted[want.Key()] = true
	}
	gone := func(s Step) bool { return s.Action == Remove && !wanted[s.Have.Key()] }

	var count int
	for _, step := range plan.Steps {
		if gone(step) {
			count++
		}
	}
	if b.Unlimited || count <= max(b.Min, owned*b.Percent/100) {
		return plan
	}
	kept := make([]Step, 0, len(plan.Steps)-count)
	for _, step := range plan.Steps {
		if gone(step) {
			plan.Held = append(plan.Held, step)
		} else {
			kept = append(kept, step)
		}
	}
	plan.Steps = kept
	return plan
}
