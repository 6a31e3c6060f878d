package takeover

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

const (
	// pause is the time between two looks while waiting.
	pause = time.Second
	// settle is how long to look on when all is done, for somebody who writes the file
	// again.
	settle = 3 * time.Second
)

// Hands are what a takeover does that is not its own: registering and removing ours.
type Hands struct {
	// Register registers what the tree asks for. While a daemon runs that is its work, and
	// Register returns nil at once.
	Register func(context.Context) error
	// Remove removes all of ours.
	Remove func(context.Context) error
	// Say is told of each step before it is taken, and of what is waited for.
	Say func(format string, args ...any)
}

// Options say how far to go.
type Options struct {
	// Behind is how many of ours the local agent does not hold as it should.
	Behind int
	// Timeout is how long to wait for the servers' catalog.
	Timeout time.Duration
	// Force retires the file whatever would be missed.
	Force bool
}

// run is one takeover or rollback under way.
type run struct {
	Site
	Hands
	Options
	reloaded bool
	deadline time.Time // of the waiting step
	step     Step
}

// Run takes over, from wherever an earlier run or somebody else has left it.
func (s Site) Run(ctx context.Context, hands Hands, options Options) error {
	r := &run{Site: s, Hands: hands, Options: options}
	if err := r.walk(ctx, func(scene Scene) Step { return scene.Forward(options.Force) }); err != nil {
		return err
	}
	return r.watch(ctx)
}

// Rollback goes back, from wherever a takeover has left it.
func (s Site) Rollback(ctx context.Context, hands Hands, options Options) error {
	options.Behind = 0
	return (&run{Site: s, Hands: hands, Options: options}).walk(ctx, Scene.Back)
}

// walk looks, and takes the next step, until there is none.
func (r *run) walk(ctx context.Context, next func(Scene) Step) error {
	for {
		scene, text, err := r.look(ctx, r.Behind)
		if err != nil {
			return err
		}
		step := next(scene)
		if step == Done {
			return nil
		}
		if step != r.step {
			r.Say("%s", step)
			r.step, r.deadline = step, time.Now().Add(r.Timeout)
		}
		if err := r.take(ctx, step, scene, text); err != nil {
			return err
		}
	}
}

// take takes one step. When it has been killed in between, the next look tells.
func (r *run) take(ctx context.Context, step Step, scene Scene, text []byte) error {
	switch step {
	case Register:
		r.Behind = 0
		return r.Register(ctx)
	case Retire:
		return r.retire(scene, text)
	case Reload:
		return r.reloadOnce(ctx, scene)
	case Restore:
		return file{r.File}.restore()
	case Remove:
		return r.Remove(ctx)
	case Await:
		return r.wait(ctx, fmt.Errorf("nothing is retired: for %d of %d old services nothing would be left that passes: %s", len(scene.Missed()), len(scene.Old), missedText(scene.Missed())))
	case Vanish:
		return r.wait(ctx, fmt.Errorf("the file is retired, and the catalog still has %s", strings.Join(scene.Shown, ", ")))
	default: // Appear
		return r.wait(ctx, fmt.Errorf("the file is back, and the catalog has %d of its %d services; ours stay", len(scene.Shown), len(scene.Old)))
	}
}

// wait waits for the next look, or returns why it was in vain.
func (r *run) wait(ctx context.Context, vain error) error {
	if time.Now().After(r.deadline) {
		return fmt.Errorf("after %s: %w", r.Timeout, vain)
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(pause):
		return nil
	}
}

// retire moves the file aside, unless somebody is there to write it again.
func (r *run) retire(scene Scene, text []byte) error {
	for _, w := range Writers(r.File) {
		if w.Certain {
			return errWriter(w, r.File)
		}
		r.Say("  careful: consul-template runs (pid %s): if it writes %s, stop it now", w.PID, r.File)
	}
	for _, lack := range scene.Lacking {
		r.Say("  %s goes: %s, dead: %t", lack.Old, lack.Why, lack.Dead)
	}
	err := file{r.File}.retire(text)
	if errors.Is(err, errChanged) {
		return nil // look again
	}
	return err
}

// reloadOnce reloads. It is done when the call returns: if the agent then does not hold
// what the file says, once more would change nothing.
func (r *run) reloadOnce(ctx context.Context, scene Scene) error {
	if !r.reloaded {
		r.reloaded = true
		return r.reload(ctx)
	}
	if scene.InPlace {
		return fmt.Errorf("consul was reloaded and holds %d of the %d services in %s: does it load that file? Ours stay until k8s-registrar purge", len(scene.Loaded), len(scene.Old), r.File)
	}
	return fmt.Errorf("consul was reloaded and still holds %s: another file of its configuration may have them, or somebody registered them by hand", strings.Join(scene.Loaded, ", "))
}

// watch looks on for a moment whether the file comes back.
func (r *run) watch(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(settle):
	}
	scene, _, err := r.read()
	if err != nil {
		return err
	}
	if scene.InPlace {
		return fmt.Errorf("somebody has written %s again: stop consul-template on this node, and then run this once more", r.File)
	}
	return nil
}
