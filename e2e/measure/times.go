package measure

import (
	"slices"
	"time"
)

// Times are durations of the same kind, in the order in which they were measured.
type Times []time.Duration

// Quantile returns the smallest time that at least the share q of all do not exceed, by
// the nearest rank; 0 if there is none.
func (t Times) Quantile(q float64) time.Duration {
	if len(t) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(t))
	rank := int(q*float64(len(sorted))+0.999999) - 1
	return sorted[min(max(rank, 0), len(sorted)-1)]
}

// Over returns how many exceed a limit.
func (t Times) Over(limit time.Duration) int {
	var n int
	for _, d := range t {
		if d > limit {
			n++
		}
	}
	return n
}

// Milliseconds returns d with its fraction.
func Milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
