package main

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/k8s-registrar/k8s-registrar/e2e/measure"
)

// results are those of all sizes, sorted by size.
type results struct {
	Sizes []sizeResult `json:"sizes"`
}

// sizeResult is what was measured in one run.
type sizeResult struct {
	Services   int               `json:"services"`
	Namespaces int               `json:"namespaces"`
	Date       string            `json:"date"`
	Contenders []contenderResult `json:"contenders"`
}

// contenderResult is what was measured of one contender.
type contenderResult struct {
	Name   string      `json:"name"`
	Cold   []float64   `json:"cold_s"` // of the floor: the fastest calls that are known
	Change timesResult `json:"change"`
	Delete timesResult `json:"delete"`
	Burst  []float64   `json:"burst_s"`
	Lost   lostResult  `json:"lost"`
	Cost   costResult  `json:"cost"`
	Idle   idleResult  `json:"idle"`
	PeakMB float64     `json:"peak_mb"`
	Died   string      `json:"died,omitempty"`
}

// timesResult are single changes, in milliseconds.
type timesResult struct {
	All    []float64 `json:"all_ms"`
	Rounds []float64 `json:"p50_of_rounds_ms"`
}

// lostResult counts services that did not come, or go, before patience ended.
type lostResult struct {
	Cold   int `json:"cold"`
	Change int `json:"change"`
	Delete int `json:"delete"`
	Burst  int `json:"burst"`
	Cost   int `json:"cost"`
}

// costResult is for one change, in milliseconds of one core, what is used at rest taken off.
type costResult struct {
	Own    float64 `json:"own_ms"`
	Agent  float64 `json:"agent_ms"`
	Server float64 `json:"server_ms"`
	Bytes  float64 `json:"bytes"`
}

// idleResult is for a time in which nothing happens. The server's share is that of all
// contenders together.
type idleResult struct {
	OwnPercent    float64 `json:"own_percent"`
	AgentPercent  float64 `json:"agent_percent"`
	ServerPercent float64 `json:"server_percent"`
	Bytes         float64 `json:"bytes_per_minute"`
	Wrote         bool    `json:"wrote"`
}

// add takes in the times of a round.
func (r *timesResult) add(round measure.Times) {
	for _, t := range round {
		r.All = append(r.All, measure.Milliseconds(t))
	}
	r.Rounds = append(r.Rounds, measure.Milliseconds(round.Quantile(0.5)))
}

// quantile returns one of all rounds together.
func (r *timesResult) quantile(q float64) float64 {
	if len(r.All) == 0 {
		return 0
	}
	return quantile(r.All, q)
}

// quantile returns the smallest value that at least the share q does not exceed.
func quantile(all []float64, q float64) float64 {
	sorted := slices.Sorted(slices.Values(all))
	return sorted[min(max(int(q*float64(len(sorted))+0.999999)-1, 0), len(sorted)-1)]
}

// late counts what took longer than it may.
func (r *timesResult) late() int {
	var n int
	for _, ms := range r.All {
		if ms > measure.Milliseconds(late) {
			n++
		}
	}
	return n
}

func (l lostResult) all() int { return l.Cold + l.Change + l.Delete + l.Burst + l.Cost }

// named returns the result of a contender; nil if it had no part.
func (r *sizeResult) named(name string) *contenderResult {
	for i := range r.Contenders {
		if r.Contenders[i].Name == name {
			return &r.Contenders[i]
		}
	}
	return nil
}

var errLost = errors.New("something was lost")

// lossless returns an error if ours lost a change, wrote at rest, or ended.
func (r *sizeResult) lossless() error {
	ours := r.named(oursName)
	switch {
	case ours == nil:
		return errors.New("ours was not measured")
	case ours.Died != "":
		return fmt.Errorf("ours has ended: %s", ours.Died)
	case ours.Lost.all() > 0:
		return fmt.Errorf("%w: %+v", errLost, ours.Lost)
	case ours.Idle.Wrote:
		return errors.New("ours wrote though nothing had changed")
	case len(ours.Change.All) == 0 || len(ours.Delete.All) == 0 || len(ours.Burst) == 0 || len(ours.Cold) == 0:
		return errors.New("something was not measured")
	}
	return nil
}

// replace puts a result into the place of an older one of the same size.
func (r *results) replace(fresh sizeResult) {
	r.Sizes = measure.Replace(r.Sizes, fresh, func(a, b sizeResult) int { return cmp.Compare(a.Services, b.Services) })
}

// load reads earlier results; there are none without a file.
func load(path string) (results, error) {
	var r results
	err := measure.Load(path, &r)
	return r, err
}

// save keeps the results, unless there is no file for them.
func (r *results) save(path string) error { return measure.Save(path, r) }
