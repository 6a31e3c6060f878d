package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/k8s-registrar/k8s-registrar/e2e/rig"
)

const (
	// settleTime is how long everything may take to be right once nothing is broken. See
	// repairTime; an agent whose state is locked while it looks for a leader comes on top.
	settleTime = 110 * time.Second
	// calm is how long a converged registrar is watched for writes.
	calm = 5 * time.Second
	// approvalLag is how long after its end an approval may still be at work.
	approvalLag = 5 * time.Second
)

// patiently is how long something may take on this machine.
func (w *world) patiently(usual time.Duration) time.Duration {
	return time.Duration(w.options.patience) * usual
}

// quiet stops breaking, waits until all is right, and compares everything.
func (w *world) quiet(ctx context.Context, rng *rand.Rand) error {
	begun := time.Now()
	approve := rng.IntN(3) > 0
	w.j.note("quiet point: approve what waits: %v", approve)
	if err := w.restore(ctx); err != nil {
		return err
	}
	var approved time.Time
	told := begun
	settled := func() error {
		if err := w.failure(); err != nil {
			return nil //nolint:nilerr // there is nothing more to wait for
		}
		err := w.converged(begun)
		if err != nil && time.Since(told) > 10*time.Second {
			told = time.Now()
			w.j.note("quiet point: not yet: %.400v", err)
		}
		if approve && time.Since(approved) > 5*time.Second {
			approved = time.Now()
			err = errors.Join(err, w.approveAll(ctx))
		}
		return err
	}
	err := rig.Eventually(ctx, w.patiently(settleTime), settled)
	if err != nil && w.agentsTurn() {
		err = rig.Eventually(ctx, w.patiently(antiEntropy-settleTime+10*time.Second), settled)
	}
	if err := errors.Join(w.failure(), err); err != nil {
		return fmt.Errorf("quiet point: %w", err)
	}
	took := time.Since(begun)
	w.j.note("quiet point: converged after %s", took.Round(10*time.Millisecond))
	if err := w.still(ctx); err != nil {
		return fmt.Errorf("quiet point: %w", err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.judgeLog()
	clear(w.agent.dirty)
	clear(w.catalog.dirty)
	w.forgo()
	w.stats.quiet++
	w.stats.settling = append(w.stats.settling, took)
	return w.failed
}

// agentsTurn tells whether anything is left to Consul's agent.
func (w *world) agentsTurn() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for id := range w.m.want() {
		if w.leftToAgent(w.catalog, id) {
			return true
		}
	}
	return false
}

// restore ends all faults and takes foreign services out of our places.
func (w *world) restore(ctx context.Context) error {
	err := rig.Eventually(ctx, w.patiently(settleTime), func() error {
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.failed != nil {
			return nil
		}
		if err := w.heal(ctx, true); err != nil {
			return err
		}
		for _, f := range w.faults {
			return fmt.Errorf("%s is not back", f.what)
		}
		if !w.byHand() {
			return errors.New("no answer from Consul")
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, id := range slices.Sorted(maps.Keys(w.foreign)) {
		if strings.HasPrefix(id, idPrefix) {
			w.version++
			if err := w.dropForeign(ctx, id); err != nil {
				return fmt.Errorf("restore: %w", err)
			}
		}
	}
	return w.failed
}

// approveAll approves what waits, if anything does.
func (w *world) approveAll(ctx context.Context) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.version++
	text, err := w.approve(ctx)
	if errors.Is(err, errNotNow) {
		return nil
	}
	w.j.note("approved: %s", text)
	return err
}

// still fails if anything is written though nothing is to be done.
func (w *world) still(ctx context.Context) error {
	before, lines, err := w.writes(ctx)
	if err != nil {
		return err
	}
	if !rig.Sleep(ctx, calm) {
		return ctx.Err()
	}
	after, linesAfter, err := w.writes(ctx)
	if err != nil {
		return err
	}
	if !maps.Equal(before, after) || lines != linesAfter {
		return fmt.Errorf("a converged registrar wrote: indexes before %v, after %v, changes logged before %d, after %d", before, after, lines, linesAfter)
	}
	return nil
}

// writes returns the index of each service in the catalog, and how many changes the
// registrar has logged.
func (w *world) writes(ctx context.Context) (map[string]uint64, int, error) {
	ctx, cancel := context.WithTimeout(ctx, opTimeout)
	defer cancel()
	indexes := map[string]uint64{}
	names, _, err := w.srv.Catalog().Services(query(ctx))
	if err != nil {
		return nil, 0, err
	}
	for name := range names {
		list, _, err := w.srv.Catalog().Service(name, "", query(ctx))
		if err != nil {
			return nil, 0, err
		}
		for _, s := range list {
			indexes[s.ServiceID] = s.ModifyIndex
		}
	}
	return indexes, strings.Count(w.reg.Output(), "changed: "), nil
}
