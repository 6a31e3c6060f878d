package agent

import (
	"context"
	"fmt"
	"time"

	"github.com/k8s-registrar/k8s-registrar/config"
	"github.com/k8s-registrar/k8s-registrar/register"
)

// leaveTimeout bounds what is done with the services when we are told to stop. A stop
// takes less than 5 s: a supervisor kills what does not stop, and a node that goes down
// waits for nobody.
const leaveTimeout = 4 * time.Second

// leave does with the services what on_stop says. It has nothing to do with services
// that it never claimed, and a task that fails is no reason to take them away.
func (l *loop) leave(ctx context.Context) {
	select {
	case <-l.stopped:
	default:
		return
	}
	onStop := l.reconciler.config.OnStop
	if l.claimed == nil || onStop == config.Keep {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), leaveTimeout)
	defer cancel()
	start := time.Now()
	if l.reconciler.config.Spread.Copies > 0 { // first of all: the others take over what goes
		if _, err := l.reconciler.local.Withdraw(ctx); err != nil {
			l.log.Error("stopping: the other nodes are not told", "error", err)
		}
	}
	actual, err := l.reconciler.local.Actual(ctx, register.Desired{})
	if err != nil {
		l.log.Error("stopping: the services stay as they are", "on_stop", onStop, "error", err)
		return
	}
	report := l.reconciler.local.Apply(ctx, departure(onStop, actual), nil)
	done := report.Done(register.Update) + report.Done(register.Remove)
	fields := []any{"on_stop", onStop, "done", done, "took", time.Since(start).Round(time.Millisecond)}
	if left := len(report.Outcomes) - done; left > 0 {
		l.log.Warn("stopping: not all services could be taken out in time", append(fields, "left", left, "error", cause(ctx, report))...)
		return
	}
	l.log.Info("stopping: the services are taken out", fields...)
	if onStop == config.Deregister {
		// The daemon's own, if it is announced. The last of all: while a service of ours
		// is left, somebody may look for who is in charge of it. It may be there again
		// though it was withdrawn: what the announcer had sent can come late. If it is not,
		// this is one read.
		if _, err := l.reconciler.local.Withdraw(ctx); err != nil {
			l.log.Warn("stopping: the daemon is still announced", "error", err)
		}
	}
}

// cause says why something was left.
func cause(ctx context.Context, report register.Report) error {
	if ctx.Err() != nil {
		return fmt.Errorf("a stop may take no more than %s", leaveTimeout)
	}
	return report.Err()
}

// departure is the plan of a daemon that stops. The marker of "maintenance on" stays:
// it is about the node, and not about whether a daemon runs.
func departure(onStop string, actual register.Actual) register.Plan {
	if onStop == config.Deregister {
		return register.Diff(register.Desired{}, actual)
	}
	return register.Plan{}.Maintain(register.Maintenance{Enter: register.ByStop.Mark("its next start ends this")}, actual)
}
