package e2e

import (
	"testing"
	"time"
)

const (
	// patience is far beyond what anything takes here, on a busy machine too.
	patience = 2 * time.Minute
	// pause is the least time between two looks.
	pause = 50 * time.Millisecond
)

// eventually looks until there is no error, and says how long that took. When its
// patience ends it fails with the last error; the logs follow when the test ends.
func eventually(t testing.TB, look func() error) time.Duration {
	t.Helper()
	start := time.Now()
	for {
		looked := time.Now()
		err := look()
		took := time.Since(start)
		if err == nil {
			return took
		}
		if took > patience {
			t.Fatalf("after %v: %v", took.Round(time.Second), err)
		}
		select {
		case <-t.Context().Done():
			t.Fatal(err)
		case <-time.After(max(pause, 2*time.Since(looked))): // looking must not be all that happens
		}
	}
}

// must ends the test if there is an error.
func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
