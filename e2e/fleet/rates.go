package main

import (
	"slices"
	"sync"
	"time"
)

// rates counts requests by kind and second.
type rates struct {
	mu    sync.Mutex
	begun time.Time
	kinds map[string][]int // requests in each second since begun
}

// start forgets what was counted.
func (r *rates) start() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.begun, r.kinds = time.Now(), map[string][]int{}
}

// note counts a request.
func (r *rates) note(kind string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.kinds == nil {
		return
	}
	second := int(time.Since(r.begun) / time.Second)
	for len(r.kinds[kind]) <= second {
		r.kinds[kind] = append(r.kinds[kind], 0)
	}
	r.kinds[kind][second]++
}

// counted returns a copy of what was counted, by kind: counting goes on.
func (r *rates) counted() map[string][]int {
	r.mu.Lock()
	defer r.mu.Unlock()
	kinds := make(map[string][]int, len(r.kinds))
	for kind, counts := range r.kinds {
		kinds[kind] = slices.Clone(counts)
	}
	return kinds
}

// totals adds up all kinds in each second.
func totals(kinds map[string][]int) []int {
	var all []int
	for _, counts := range kinds {
		for second, n := range counts {
			for len(all) <= second {
				all = append(all, 0)
			}
			all[second] += n
		}
	}
	return all
}
