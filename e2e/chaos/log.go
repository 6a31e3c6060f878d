package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// lastOps is how many operations are printed when a run fails.
const lastOps = 30

// A journal is the numbered record of everything that was done, on file and, for the last
// operations, in memory.
type journal struct {
	begun time.Time

	mu     sync.Mutex
	file   io.Writer
	lines  []string
	counts map[string]int
}

func newJournal(file io.Writer) *journal {
	return &journal{begun: time.Now(), file: file, counts: map[string]int{}}
}

// op records operation n of a kind.
func (j *journal) op(n int, kind, format string, args ...any) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.counts[kind]++
	j.addLocked(fmt.Sprintf("%5d %-14s %s", n, kind, fmt.Sprintf(format, args...)))
}

// note records what is no operation.
func (j *journal) note(format string, args ...any) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.addLocked("      " + fmt.Sprintf(format, args...))
}

func (j *journal) addLocked(line string) {
	line = fmt.Sprintf("%s %7.2f %s", time.Now().UTC().Format("15:04:05.000"), time.Since(j.begun).Seconds(), line)
	fmt.Fprintln(j.file, line)
	j.lines = append(j.lines, line)
	if len(j.lines) > lastOps {
		j.lines = j.lines[1:]
	}
}

// tail returns the last lines.
func (j *journal) tail() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return strings.Join(j.lines, "\n")
}

// totals returns how many operations there were, by kind.
func (j *journal) totals() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	var parts []string
	var sum int
	for _, kind := range slices.Sorted(maps.Keys(j.counts)) {
		parts = append(parts, fmt.Sprintf("%s %d", kind, j.counts[kind]))
		sum += j.counts[kind]
	}
	return fmt.Sprintf("%d operations: %s", sum, strings.Join(parts, ", "))
}
