package agent

import (
	"context"
	"slices"

	"github.com/k8s-registrar/k8s-registrar/kvschema"
)

// heirs returns the parts to read anew before some readings are handed on. What a key
// lets go of goes to the next that claims it, and that one's part may be behind: it would
// be announced as it was a while ago, although its value has changed since, or no longer
// claims this. So its part is read after the key was seen to let go.
func (d *draft) heirs(known *Snapshot) []string {
	if known == nil {
		return nil // nobody had anything
	}
	var prefixes []string
	for key, seen := range d.first {
		own, _ := partOf(d.next.parts, key)
		freed := kvschema.Freed(find(known.Readings, key), find(d.next.Readings, key))
		for _, heir := range kvschema.Claimants(d.next.Readings, freed) {
			i, found := partOf(d.next.parts, heir.Key)
			if !found || i == own {
				continue // one answer told of both
			}
			prefix := d.next.parts[i].prefix
			if d.began[prefix].Before(seen) && !slices.Contains(prefixes, prefix) {
				prefixes = append(prefixes, prefix)
			}
		}
	}
	return prefixes
}

// freshen reads the parts of all heirs, and tells whether one lacks a key that was there.
func (d *draft) freshen(ctx context.Context, known *Snapshot) (lost bool, err error) {
	for {
		prefixes := d.heirs(known)
		if len(prefixes) == 0 {
			return lost, nil
		}
		for _, prefix := range prefixes {
			less, err := d.read(ctx, prefix, consistent())
			if err != nil {
				return lost, err
			}
			lost = lost || less
		}
	}
}
