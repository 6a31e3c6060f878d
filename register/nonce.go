package register

// MetaNonce is in the meta of a service that had to be sent again though nothing in
// it had changed.
//
// Consul's agent takes a registration that equals what it holds for synced and sends
// the servers nothing, so an identical one repairs nothing. A nonce in the meta makes
// the service differ, one in the check's notes the check. Which nonce a service has
// does not matter, so it is not part of the fingerprint and no difference.
const MetaNonce = "k8s-registrar-nonce"

// withNonce returns the same registration with a nonce, or itself without one.
func (r Registration) withNonce(nonce string) Registration {
	if nonce == "" {
		return r
	}
	r.Meta = r.Meta.With(MetaNonce, nonce)
	return r.noted("#" + nonce)
}

// noted returns the same registration with a note in its check, which makes the check
// differ for Consul.
func (r Registration) noted(note string) Registration {
	if r.Check != nil {
		r.Check = r.Check.Noted(note)
	}
	return r
}

// Refresh adds to the plan that services of ours are sent again with a nonce, each
// with the reason why. One that is to be updated anyway gets the nonce with that; one
// that is not registered, or not wanted, is passed over.
func (p Plan) Refresh(desired Desired, actual Actual, why map[ID]string, nonce string) Plan {
	planned := map[ID]bool{}
	var steps, removals []*Step
	for _, step := range p.Steps {
		planned[step.ID] = true
		if _, again := why[step.ID]; again && step.Action == Update {
			again := *step
			again.Want = desired.Want[step.ID].withNonce(nonce)
			step = &again
		}
		if step.Action == Remove {
			removals = append(removals, step)
		} else {
			steps = append(steps, step)
		}
	}
	for _, id := range sortedIDs(why) {
		want, wanted := desired.Want[id]
		have, ours := actual.Ours[id]
		if wanted && ours && !planned[id] {
			change := Change{Field: "sent again", Want: why[id]}
			steps = append(steps, &Step{Action: Update, ID: id, Want: want.withNonce(nonce), Have: have, Changes: []Change{change}})
		}
	}
	p.Steps = append(steps, removals...)
	return p
}
