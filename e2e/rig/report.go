package rig

import (
	"maps"
	"slices"
	"time"

	"github.com/hashicorp/consul/api"
)

// mostEvents bounds what is kept of each kind of event.
const mostEvents = 100

// A Report is what an [Observer] has seen since its start or since the last Reset. All
// durations are service-seconds, except Unobserved and Took.
type Report struct {
	// Missing is for how long services were absent that had to be there, Wrong the same
	// for those with another port or other tags. LostBy says which, for both.
	Missing, Wrong time.Duration
	LostBy         map[string]time.Duration
	// Excused is what would be Missing or Wrong, were it not for an excuse, by the excuse.
	Excused map[string]time.Duration
	// Extra is for how long services of ours were there that had to be gone.
	Extra time.Duration
	// Unhealthy is for how long expected services were there and not passing, for their
	// own check or their node's, which hides them from load balancers as absence does.
	Unhealthy time.Duration
	// Unobserved is for how long no server showed the catalog.
	Unobserved time.Duration
	// Foreign and Events tell what became of services that are not ours, and of ours,
	// the first of each.
	Foreign, Events []string
	// Took is how long was watched.
	Took time.Duration
}

// Lost is what the invariants forbid.
func (r Report) Lost() time.Duration { return r.Missing + r.Wrong }

func newReport() Report {
	return Report{LostBy: map[string]time.Duration{}, Excused: map[string]time.Duration{}}
}

func (r Report) clone() Report {
	r.LostBy, r.Excused = maps.Clone(r.LostBy), maps.Clone(r.Excused)
	r.Foreign, r.Events = slices.Clone(r.Foreign), slices.Clone(r.Events)
	return r
}

// look takes over what was seen, or that nothing was.
func (o *Observer) look(next sight) {
	o.mu.Lock()
	defer o.mu.Unlock()
	now := time.Now()
	o.count(now, o.seen.known && next.known)
	if !next.known {
		o.seen.known = false
		return
	}
	if o.seen.services != nil {
		o.note(now, next)
	}
	o.seen = next
}

// count books the time since the last look. Changes are seen when they happen, so what
// was seen then held until now.
func (o *Observer) count(now time.Time, known bool) {
	begun, passed := o.at, now.Sub(o.at)
	o.at = now
	o.report.Took += passed
	if !known {
		o.report.Unobserved += passed
		return
	}
	for id := range o.expected {
		what := o.wrong(id)
		switch {
		case o.allowed[id]:
		case what != "":
			o.lose(id, what, begun, now)
		case !o.healthy(id):
			o.report.Unhealthy += passed
		}
	}
	for id := range o.seen.services {
		if o.extra(id) {
			o.report.Extra += passed
		}
	}
}

// lose books a loss, the part of it that is excused apart.
func (o *Observer) lose(id, what string, begun, now time.Time) {
	passed := now.Sub(begun)
	if o.excuse != "" {
		excused := passed
		if !o.until.IsZero() {
			excused = max(0, min(passed, o.until.Sub(begun)))
		}
		o.report.Excused[o.excuse] += excused
		passed -= excused
	}
	if passed <= 0 {
		return
	}
	o.report.LostBy[id] += passed
	if what == absent {
		o.report.Missing += passed
	} else {
		o.report.Wrong += passed
	}
}

// note writes down what changed between two looks.
func (o *Observer) note(now time.Time, next sight) {
	ids := slices.Collect(maps.Keys(o.seen.services))
	for id := range next.services {
		if o.seen.services[id] == nil {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	for _, id := range ids {
		what := change(o.seen.services[id], next.services[id])
		list := &o.report.Foreign
		if o.ours(id) {
			list = &o.report.Events
		}
		if what != "" && len(*list) < mostEvents {
			*list = append(*list, now.Format("15:04:05.000 ")+id+" "+what)
		}
	}
}

// change says what became of a service, "" if nothing did.
func change(before, after *api.AgentService) string {
	switch {
	case before == nil:
		return "came"
	case after == nil:
		return "went"
	case before.Port != after.Port || before.Service != after.Service || before.Address != after.Address ||
		!slices.Equal(before.Tags, after.Tags) || !maps.Equal(before.Meta, after.Meta):
		return "changed"
	}
	return ""
}
