package main

import (
	"strings"
	"time"

	"github.com/k8s-registrar/k8s-registrar/agent"
)

// logOfRun is what the registrar has logged in its present run.
func (w *world) logOfRun() string {
	text := w.reg.Output()
	return text[min(w.run.from, len(text)):]
}

// spent counts the removals of the present run within the guard's window: those that
// surely count against the budget, and those that may.
func (w *world) spent() (least, most int) {
	for line := range strings.Lines(w.logOfRun()) {
		id, ok := removal(line)
		if !ok || time.Since(logTime(line, w.run.begun)) > guardWindow {
			continue
		}
		most++
		if !logTime(line, w.run.begun).Before(w.released[keyOf(id)].Add(approvalLag)) && !w.run.moved[id] {
			least++
		}
	}
	return least, most
}

// follow notes what waits. What was held as a part of too much stays held, however small
// what is left of it: so a key may go on waiting that did so rightly at first, but none may
// begin to that is not a part of too much.
func (l *life) follow(sets []agent.Waiting, spent int) {
	still := map[string]bool{}
	for _, set := range sets {
		for _, key := range set.Keys {
			if l.waited[key] || spent+len(set.Keys) > budget {
				still[key] = true
			}
		}
	}
	l.waited = still
}

// fresh counts the keys that are not held already.
func (l *life) fresh(keys []string) int {
	var n int
	for _, key := range keys {
		if !l.waited[key] {
			n++
		}
	}
	return n
}

// removal returns the ID of a line that tells of a removal.
func removal(line string) (id string, ok bool) {
	if !strings.Contains(line, "changed: action=remove ") {
		return "", false
	}
	_, rest, ok := strings.Cut(line, " id=")
	id, _, _ = strings.Cut(rest, " ")
	return id, ok
}

func logTime(line string, fallback time.Time) time.Time {
	stamp, _, _ := strings.Cut(line, " ")
	for _, layout := range []string{"2006-01-02T15:04:05.000Z0700", time.RFC3339Nano} {
		if t, err := time.Parse(layout, stamp); err == nil {
			return t
		}
	}
	return fallback
}

// keyOf returns the key that an ID of ours is for.
func keyOf(id string) string {
	parts := strings.Split(strings.TrimPrefix(id, idPrefix), ".")
	return tree + parts[0] + "/" + parts[min(1, len(parts)-1)]
}
