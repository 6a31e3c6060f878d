package agent

import (
	"fmt"
	"slices"
	"time"

	"github.com/k8s-registrar/k8s-registrar/kvschema"
)

// epochTrust is how long the servers must tell the same story after they went back
// in time, until missing keys are believed to be deleted.
const epochTrust = time.Hour

// Belief is what we hold of the tree over time. It follows the newest snapshot,
// except for keys that vanished together with the servers' memory: after a restore,
// or the loss of the servers' data, their absence proves nothing. They stay as they
// were known until they are all back, until a human approves their removal, or until
// nothing of the kind has happened again for an hour. Deletions of that time wait
// with them.
type Belief struct {
	// Snapshot is the newest one.
	Snapshot Snapshot
	// Withheld are the keys that Snapshot lacks and that stay nevertheless, sorted.
	Withheld []*kvschema.Reading
	// Since is when the servers last went back in time.
	Since time.Time
}

// Readings is the tree as it is believed to be, sorted.
func (b Belief) Readings() []*kvschema.Reading {
	if len(b.Withheld) == 0 {
		return b.Snapshot.Readings
	}
	return slices.SortedFunc(slices.Values(slices.Concat(b.Snapshot.Readings, b.Withheld)), kvschema.ByKey)
}

// learn takes over a snapshot that is newer.
func (b Belief) learn(fresh Snapshot, now time.Time) Belief {
	next := Belief{Snapshot: fresh}
	switch {
	case fresh.Epoch != b.Snapshot.Epoch:
		next.Since = now
	case len(b.Withheld) > 0:
		next.Since = b.Since
	default:
		return next
	}
	next.Withheld = missing(b.Readings(), fresh.Readings)
	return next
}

// trust lets go of what is withheld.
func (b Belief) trust() Belief { return Belief{Snapshot: b.Snapshot} }

// settled tells whether the servers have told the same story for long enough.
func (b Belief) settled(now time.Time) bool {
	return len(b.Withheld) > 0 && now.Sub(b.Since) >= epochTrust
}

// withheldKeys are the keys of what is withheld.
func (b Belief) withheldKeys() []string {
	var keys []string
	for _, reading := range b.Withheld {
		keys = append(keys, reading.Key)
	}
	return keys
}

// withheldText says why keys are withheld.
func withheldText(keys []string) string {
	return fmt.Sprintf("the Consul servers went back in time and have lost %d keys: their services stay announced until the keys are back, their removal is approved, or %s have passed",
		len(keys), epochTrust)
}
