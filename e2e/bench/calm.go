package main

import (
	"context"
	"time"

	"github.com/k8s-registrar/k8s-registrar/e2e/measure"
	"github.com/k8s-registrar/k8s-registrar/e2e/rig"
)

const (
	// calmLook is over what time the processor time is looked at, and calmShare how much
	// of it may be used: a contender that still works on the change before would make the
	// next one slow. What checks and queries take all the time lies below that.
	calmLook, calmShare = 50 * time.Millisecond, 0.25
	// calmPatience is when nobody waits for calm any more.
	calmPatience = 10 * time.Second
)

// calm waits until neither Consul nor the contenders do much.
func (s *stage) calm(ctx context.Context) error {
	before, begun := s.used(), time.Now()
	for range int(calmPatience / calmLook) {
		if !rig.Sleep(ctx, calmLook) {
			return ctx.Err()
		}
		now, at := s.used(), time.Now()
		if (now - before).Seconds() < calmShare*at.Sub(begun).Seconds() {
			return nil
		}
		before, begun = now, at
	}
	return nil
}

// used returns the processor time of all processes that there are. One that ends is not
// counted any more, which looks like calm and is seen at the next look.
func (s *stage) used() time.Duration {
	var all time.Duration
	for _, pid := range s.pids() {
		used, err := measure.CPU(pid)
		if err == nil {
			all += used
		}
	}
	return all
}

func (s *stage) pids() []int {
	var all []int
	for _, p := range append(s.cluster.Clients(), s.cluster.Servers()...) {
		if pid := p.PID(); pid != 0 {
			all = append(all, pid)
		}
	}
	for _, c := range s.contenders {
		if c.program != nil && c.program.Running() {
			all = append(all, c.program.PID())
		}
	}
	return all
}
