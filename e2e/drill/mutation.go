package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// A mutation is the product with a protection switched off, or with all of those that
// each are enough. The drills that it decides must then fail.
type mutation struct {
	what  string // the protection
	edits []edit
	rows  []string // the drills that must fail
	with  []string // drills that have to run for it, whatever comes of them
}

// An edit replaces a text that is exactly once in a file.
type edit struct{ file, old, fresh string }

// apply edits the copy of the product below root.
func (m mutation) apply(root string) error {
	for _, e := range m.edits {
		path := filepath.Join(root, e.file)
		text, err := os.ReadFile(path)
		if err != nil {
			return fmt.Errorf("switch off %s: %w", m.what, err)
		}
		if n := strings.Count(string(text), e.old); n != 1 {
			return fmt.Errorf("switch off %s: %s has %d times, want once, the text\n%s", m.what, e.file, n, e.old)
		}
		if err := os.WriteFile(path, []byte(strings.Replace(string(text), e.old, e.fresh, 1)), 0o600); err != nil {
			return fmt.Errorf("switch off %s: %w", m.what, err)
		}
	}
	return nil
}

// undecided are the drills that no protection of ours decides, and why.
func undecided() map[string]string {
	return map[string]string{
		"servers: quorum lost, without us (for comparison)":                      "it shows what Consul does alone",
		"catalog: the same, without us once all are registered (for comparison)": "it shows what Consul does alone",
		"servers: quorum lost for 60 s":                                          "Consul locks its agent by itself, and what cannot be read is not written; TestNoLeaderNoWrite decides",
		"servers: hung":                                                          "all that waits goes on when the server does; it shows that it is named",
		"answers: late by 3 s":                                                   "a late answer is one; it shows that the deadlines are long enough",
		"answers: trickling at 4 KB/s":                                           "a slow answer is one; it shows that the deadlines are long enough",
	}
}

// mutations is the one list of all.
func mutations() []mutation {
	var all []mutation
	for _, topic := range [][]mutation{knowledgeMutations(), enduranceMutations(), guardMutations(), catalogMutations(), ownerMutations()} {
		all = append(all, topic...)
	}
	return all
}
