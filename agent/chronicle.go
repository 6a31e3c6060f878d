package agent

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/k8s-registrar/k8s-registrar/register"
)

// mostKept is how many changes, and how many errors, are kept to be shown.
const mostKept = 20

// chronicle is what happened lately, oldest first. It is shown and has no other use.
type chronicle struct {
	changes []ChangeStatus
	errors  []ErrorStatus
	// changed is when each service of ours was last changed.
	changed map[register.ID]time.Time
}

// passed takes over what a pass did.
func (h *chronicle) passed(pass Pass, now time.Time) {
	maps.DeleteFunc(h.changed, func(id register.ID, _ time.Time) bool {
		_, ours := pass.Actual.Ours[id]
		return !ours
	})
	for _, o := range pass.Report.Outcomes {
		switch {
		case errors.Is(o.Err, register.ErrPostponed):
		case o.Err != nil:
			h.failed("change of "+string(o.Step.ID), o.Err.Error(), now)
		default:
			h.did(o.Step, now)
		}
	}
}

func (h *chronicle) did(step *register.Step, now time.Time) {
	change := ChangeStatus{Time: now, Action: string(step.Action), ID: string(step.ID), Name: step.Name()}
	var what []string
	for _, c := range step.Changes {
		what = append(what, c.String())
	}
	change.What = strings.Join(what, "; ")
	h.changes = last(append(h.changes, change))
	if step.Action != register.Remove {
		if h.changed == nil {
			h.changed = map[register.ID]time.Time{}
		}
		h.changed[step.ID] = now
	}
}

// failed notes a failure. What fails again in the same way moves up.
func (h *chronicle) failed(what, text string, now time.Time) {
	entry := ErrorStatus{First: now, What: what, Error: text}
	for i, e := range h.errors {
		if e.What == what && e.Error == text {
			entry = e
			h.errors = slices.Delete(h.errors, i, i+1)
			break
		}
	}
	entry.Last = now
	entry.Count++
	h.errors = last(append(h.errors, entry))
}

// last drops the oldest of what is too much to show.
func last[T any](all []T) []T {
	return slices.Delete(all, 0, max(0, len(all)-mostKept))
}

// newestFirst returns a copy that nobody changes any more.
func newestFirst[T any](all []T) []T {
	all = append([]T{}, all...)
	slices.Reverse(all)
	return all
}
