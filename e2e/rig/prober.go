package rig

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	// probePause is the time between two probes of one path.
	probePause = 200 * time.Millisecond
	// probeTimeout is when a probe is given up, which counts as that long.
	probeTimeout = 2 * time.Minute
)

// A Prober measures how long an agent takes to answer others on its node. It asks each
// path on connections of its own, one request after the other.
type Prober struct {
	cancel context.CancelFunc
	done   sync.WaitGroup

	mu    sync.Mutex
	times map[string][]time.Duration
	open  map[string]time.Time // requests under way
	fails map[string]int
}

// Probe starts to ask host:port for paths such as "/v1/agent/self". The token may be empty.
func Probe(ctx context.Context, address, token string, paths ...string) *Prober {
	ctx, cancel := context.WithCancel(ctx)
	p := &Prober{cancel: cancel, times: map[string][]time.Duration{}, open: map[string]time.Time{}, fails: map[string]int{}}
	client := &http.Client{Transport: &http.Transport{}}
	for _, path := range paths {
		p.done.Go(func() {
			for Sleep(ctx, probePause) {
				p.ask(ctx, client, "http://"+address+path, path, token)
			}
		})
	}
	return p
}

func (p *Prober) ask(ctx context.Context, client *http.Client, url, path, token string) {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		panic(err) // the URL is ours
	}
	if token != "" {
		request.Header.Set("X-Consul-Token", token)
	}
	p.mu.Lock()
	begun := time.Now()
	p.open[path] = begun
	p.mu.Unlock()
	response, err := client.Do(request)
	if err == nil {
		_, err = io.Copy(io.Discard, response.Body)
		_ = response.Body.Close()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.open, path)
	p.times[path] = append(p.times[path], time.Since(begun))
	if err != nil {
		p.fails[path]++
	}
}

// Times returns the median and the longest answer time of a path so far, what is still
// under way included, and how many of how many probes failed.
func (p *Prober) Times(path string) (median, longest time.Duration, failed, all int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	times := slices.Clone(p.times[path])
	if begun, open := p.open[path]; open {
		times = append(times, time.Since(begun))
	}
	if len(times) == 0 {
		return 0, 0, 0, 0
	}
	slices.Sort(times)
	return times[len(times)/2], times[len(times)-1], p.fails[path], len(times)
}

// String describes all paths in a line.
func (p *Prober) String() string {
	p.mu.Lock()
	var paths []string
	for path := range p.times {
		paths = append(paths, path)
	}
	p.mu.Unlock()
	slices.Sort(paths)
	var lines []string
	for _, path := range paths {
		median, longest, failed, all := p.Times(path)
		lines = append(lines, fmt.Sprintf("%s p50 %s max %s (%d of %d failed)", path, median.Round(100*time.Microsecond), longest.Round(time.Millisecond), failed, all))
	}
	return strings.Join(lines, ", ")
}

// Stop ends the probes.
func (p *Prober) Stop() {
	p.cancel()
	p.done.Wait()
}
