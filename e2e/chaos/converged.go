package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/consul/api"
)

// converged says what is not as the model has it.
func (w *world) converged(begun time.Time) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.agent.at.Before(begun) || w.catalog.at.Before(begun) {
		return errors.New("nothing was seen since")
	}
	held, err := w.checkHeld()
	return errors.Join(err, w.checkStatus(begun), w.compare(w.agent, held), w.compare(w.catalog, held), w.compareSides())
}

// checkHeld says whether what is registered and not wanted has to wait, and whether the
// registrar says so.
func (w *world) checkHeld() (held bool, err error) {
	keys := w.m.surplus(w.agent.services)
	if len(keys) == 0 {
		if n := len(w.run.status.Waiting); n > 0 {
			return false, fmt.Errorf("%d sets of removals wait, want none: %v", n, w.run.status.Waiting)
		}
		return false, nil
	}
	if time.Now().Before(w.approvals[hash(keys)].Add(approvalLag)) {
		return true, fmt.Errorf("%v have to go: that is approved", keys)
	}
	least, most := w.spent()
	if n := w.run.fresh(keys); n > 0 && most+n <= budget {
		return false, fmt.Errorf("%v have to go: %d removals were made and the budget is %d", keys, most, budget)
	}
	if waiting := w.run.status.Waiting; len(waiting) != 1 || waiting[0].Hash != hash(keys) || !slices.Equal(waiting[0].Keys, keys) {
		return true, fmt.Errorf("the status shows %v as waiting, want %s %v (%d to %d removals were made)", waiting, hash(keys), keys, least, most)
	}
	return true, nil
}

// checkStatus says what the registrar complains about.
func (w *world) checkStatus(begun time.Time) error {
	s := w.run.status
	switch {
	case w.run.heard.Before(begun):
		return errors.New("the registrar did not tell its status")
	case !s.Ready:
		return fmt.Errorf("the registrar is not ready: %v", s.NotReady)
	case s.Watch.Error != "" || s.Reconcile.Error != "" || s.Catalog.Error != "" || s.Token.Error != "":
		return fmt.Errorf("the registrar's status: watch %q, reconcile %q, catalog %q, token %q", s.Watch.Error, s.Reconcile.Error, s.Catalog.Error, s.Token.Error)
	case s.Catalog.Diverging > 0:
		return fmt.Errorf("the registrar sees %d services diverge: %v", s.Catalog.Diverging, s.Problems)
	case w.token.rotated.After(w.run.begun) && s.Token.Others == 0 && s.Token.OldRevocable.Before(w.token.rotated):
		return errors.New("the registrar did not say that the old token may go")
	}
	return w.checkProblems()
}

// checkProblems holds the problems that the status names against those that there are.
func (w *world) checkProblems() error {
	var got, want []string
	for _, p := range w.run.status.Problems {
		if p.Key == "" || p.ID != "" {
			return fmt.Errorf("the status names a problem: %+v", p)
		}
		got = append(got, p.Key)
	}
	for _, e := range w.m.entries {
		switch {
		case e.value.kind == bad && e.memory != nil && !w.m.holder(e):
			want = append(want, e.key, e.key) // it is bad, and its name is another's
		case e.value.kind == bad || e.value.kind == good && !w.m.holder(e):
			want = append(want, e.key)
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		return fmt.Errorf("the status names problems with\n%v, want\n%v", got, want)
	}
	return nil
}

// compare says how a side differs from the model.
func (w *world) compare(s *side, held bool) error {
	var errs []error
	differ := func(format string, args ...any) { errs = append(errs, fmt.Errorf(s.name+": "+format, args...)) }
	want, keep := w.m.want(), w.m.keep()
	for id, r := range want {
		if got := s.services[id]; got == nil {
			differ("%s is missing: want %s", id, r)
		} else if seen(got).String() != r.String() {
			differ("%s is %s, want %s", id, seen(got), r)
		}
	}
	for id := range keep {
		if s.services[id] == nil {
			differ("%s is missing, which had to stay as it was", id)
		}
	}
	for id, got := range s.services {
		_, wanted := want[id]
		if !ours(got) {
			if f := w.foreign[id]; f == nil || foreignText(got.Service, got.Port, got.Tags, got.Meta) != foreignText(f.Name, f.Port, f.Tags, f.Meta) {
				differ("foreign %s is %s %v", id, seen(got), got.Meta)
			}
			continue
		}
		if !wanted && !keep[id] && !held && !w.m.frozen(seen(got).key) {
			differ("%s is there and should not be", id)
		}
		if wanted {
			errs = append(errs, w.compareDetails(s, got))
		}
	}
	for id := range w.foreign {
		if s.services[id] == nil {
			differ("foreign %s is missing", id)
		}
	}
	return errors.Join(errs...)
}

// compareDetails looks at the meta and the checks of a service of ours.
func (w *world) compareDetails(s *side, got *api.AgentService) error {
	key := strings.Split(strings.TrimPrefix(seen(got).key, tree), "/")
	for name, want := range map[string]string{
		"external-source": "kubernetes", "external-k8s-ns": key[0], "external-k8s-ref-kind": "Service", "external-k8s-ref-name": key[1],
	} {
		if got.Meta[name] != want {
			return fmt.Errorf("%s: %s has meta %s %q, want %q", s.name, got.ID, name, got.Meta[name], want)
		}
	}
	if got.Address != "" {
		return fmt.Errorf("%s: %s has address %q, want none", s.name, got.ID, got.Address)
	}
	status := "critical"
	if open(got.Port) {
		status = "passing"
	}
	var found bool
	for id, c := range s.checks {
		switch {
		case c.ServiceID != got.ID || strings.HasPrefix(id, "_service_maintenance:"):
		case id != got.ID+".tcp":
			return fmt.Errorf("%s: %s has a check %s", s.name, got.ID, id)
		case c.Status != status:
			return fmt.Errorf("%s: the check of %s (port %d) is %s, want %s", s.name, got.ID, got.Port, c.Status, status)
		default:
			found = strings.Contains(c.Notes, fmt.Sprintf("%s:%d ", w.node.Address(), got.Port))
		}
	}
	if !found {
		return fmt.Errorf("%s: %s has no check of %s:%d", s.name, got.ID, w.node.Address(), got.Port)
	}
	return nil
}

// compareSides says what the servers hold otherwise than the agent, for what nobody
// wants any more, too. What stays as it is has the token that it was registered with, and
// once that is deleted the servers hear no more of its check; the registrar counts these.
func (w *world) compareSides() error {
	want := w.m.want()
	for id, c := range w.agent.checks {
		if _, wanted := want[c.ServiceID]; c.ServiceID != "" && !wanted && w.run.status.Token.Others > 0 {
			continue
		}
		if there := w.catalog.checks[id]; there == nil || there.Status != c.Status {
			return fmt.Errorf("catalog: check %s of %q is %v, and %s on the agent", id, c.ServiceID, there, c.Status)
		}
	}
	return nil
}
