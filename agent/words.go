package agent

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/consul/api"
)

// Sentence is the state of the daemon in words, for whoever has room for one line. The
// worst comes first.
func (s Status) Sentence() string {
	var parts []string
	if !s.Ready {
		parts = append(parts, "not ready: "+strings.Join(s.NotReady, "; "))
	}
	if s.Maintenance != nil {
		parts = append(parts, s.MaintenanceWords())
	}
	if keys := s.pending(); keys > 0 {
		parts = append(parts, plural(keys, "removal", "removals")+" waiting for k8s-registrar approve")
	}
	problems, warnings := s.Parted()
	if n := len(problems); n > 0 {
		parts = append(parts, plural(n, "problem", "problems"))
	}
	if n := len(warnings); n > 0 {
		parts = append(parts, plural(n, "warning", "warnings"))
	}
	if s.Config.Error != "" {
		parts = append(parts, "the new configuration is refused")
	}
	if s.Token.Error != "" {
		parts = append(parts, "the new token is not used")
	}
	if s.TLS.Error != "" {
		parts = append(parts, "the new certificates are not used")
	}
	if s.Backlog > 0 {
		parts = append(parts, s.BacklogWords())
	}
	if !s.Reconcile.Last.IsZero() {
		parts = append(parts, s.announced())
	}
	return strings.Join(parts, "; ")
}

// Parted returns the problems, and apart from them the warnings: those are about keys that
// are announced all the same.
func (s Status) Parted() (problems, warnings []ProblemStatus) {
	for _, p := range s.Problems {
		if p.Warning {
			warnings = append(warnings, p)
		} else {
			problems = append(problems, p)
		}
	}
	return problems, warnings
}

// BacklogWords says how much is still to be done.
func (s Status) BacklogWords() string { return plural(s.Backlog, "change", "changes") + " to go" }

// announced tells of the services, and names only what is not as it should be.
func (s Status) announced() string {
	text := plural(len(s.Services), "service", "services") + " announced"
	if s.Desired > len(s.Services) {
		text += fmt.Sprintf(" of %d", s.Desired)
	}
	checks := s.Checks()
	if len(s.Services) > 0 && checks[api.HealthPassing] == len(s.Services) {
		return text + ", all passing"
	}
	for _, check := range []string{api.HealthPassing, api.HealthWarning, api.HealthCritical, api.HealthMaint} {
		if n := checks[check]; n > 0 {
			text += fmt.Sprintf(", %d %s", n, checkWords(check))
		}
	}
	return text
}

// Checks counts the services by the status of their checks; "" is for those that have
// none yet.
func (s Status) Checks() map[string]int {
	count := map[string]int{}
	for _, service := range s.Services {
		count[service.Check]++
	}
	return count
}

// pending counts the keys whose services wait to be removed.
func (s Status) pending() int {
	var keys int
	for _, w := range s.Waiting {
		keys += len(w.Keys)
	}
	return keys
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

func checkWords(status string) string {
	if status == api.HealthMaint {
		return "in maintenance"
	}
	return cmp.Or(status, "not checked yet")
}

func checkClass(status string) string {
	switch status {
	case api.HealthPassing:
		return "good"
	case api.HealthWarning, api.HealthMaint:
		return "warn"
	case api.HealthCritical:
		return "bad"
	default:
		return "soft"
	}
}

// ChangedWords says how long ago a service was changed. Of what was changed before the
// daemon started it is only known that it is longer ago than that.
func (s Status) ChangedWords(service ServiceStatus) string {
	if service.Changed.IsZero() {
		return "> " + age(s.Time.Sub(s.Started))
	}
	return s.Ago(service.Changed)
}

// Ago says how long before the status was made something was.
func (s Status) Ago(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return age(s.Time.Sub(t)) + " ago"
}

// age is a duration as people say it, in a unit of which there are several.
func age(d time.Duration) string {
	switch {
	case d < 0:
		return "0 s"
	case d < 2*time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", int(d.Hours()))
	default:
		return fmt.Sprintf("%d days", int(d.Hours()/24))
	}
}

// Note is something about the daemon as a whole that needs attention.
type Note struct{ What, Text string }

// Notes lists what is wrong with the daemon as a whole.
func (s Status) Notes() []Note {
	var all []Note
	for _, note := range []Note{
		{"Not ready", strings.Join(s.NotReady, "\n")},
		{"The new configuration is refused, the old one is in force", s.Config.Error},
		{"The new token is not used, the old one is in force", s.Token.Error},
		{"The new certificates for Consul are not used, the old ones are in force", s.TLS.Error},
		{"The catalog cannot be verified", s.Catalog.Error},
	} {
		if note.Text != "" {
			all = append(all, note)
		}
	}
	if s.Spread != nil && s.Spread.Error != "" {
		all = append(all, Note{"Which nodes share services out is not known, those known last stay", s.Spread.Error})
	}
	return all
}

// WorstFirst returns the services as people want to see them: those that are in trouble
// first, and else in the order of their keys.
func WorstFirst(services []ServiceStatus) []ServiceStatus {
	rank := map[string]int{api.HealthCritical: 0, api.HealthWarning: 1, api.HealthMaint: 2, "": 3, api.HealthPassing: 4}
	return slices.SortedStableFunc(slices.Values(services), func(a, b ServiceStatus) int {
		return cmp.Or(cmp.Compare(rank[a.Check], rank[b.Check]), cmp.Compare(a.Key, b.Key), cmp.Compare(a.ID, b.ID))
	})
}
