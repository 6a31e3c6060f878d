package takeover_test

import (
	"slices"
	"testing"

	"github.com/k8s-registrar/k8s-registrar/register/takeover"
)

// world is a node with one old service and one of ours, and what each step does to it.
type world struct {
	inPlace, retired, loaded, shown bool
	behind, passing, dead           bool
}

// scene is what is to be seen of the world.
func (w world) scene() takeover.Scene {
	web, other := takeover.Old{ID: "web", Name: "web", Port: 1}, takeover.Old{ID: "other", Name: "other", Port: 2}
	s := takeover.Scene{Old: []takeover.Old{web, other}, InPlace: w.inPlace, Retired: w.retired, Ours: 2}
	if w.loaded {
		s.Loaded = []string{"other", "web"}
	}
	if w.shown {
		s.Shown = []string{"other", "web"}
	}
	if w.behind {
		s.Behind, s.Ours = 1, 1
	}
	if !w.passing {
		s.Lacking = []takeover.Lack{{Old: web, Dead: w.dead}}
	}
	return s
}

// after is the world after a step.
func (w world) after(step takeover.Step) world {
	switch step {
	case takeover.Register:
		w.behind = false
	case takeover.Await:
		w.passing = true // in the end
	case takeover.Retire:
		w.inPlace, w.retired = false, true
	case takeover.Restore:
		w.inPlace, w.retired = true, false
	case takeover.Reload:
		w.loaded = w.inPlace
	case takeover.Vanish, takeover.Appear:
		w.shown = w.loaded
	case takeover.Remove:
		w.behind, w.passing = true, false
	case takeover.Done:
	}
	return w
}

// worlds are all of them in which there is a file.
func worlds() []world {
	var all []world
	for bits := range 1 << 7 {
		bit := func(n int) bool { return bits>>n&1 == 1 }
		w := world{bit(0), bit(1), bit(2), bit(3), bit(4), bit(5), bit(6)}
		if w.inPlace || w.retired {
			all = append(all, w)
		}
	}
	return all
}

// TestForwardFromAnywhere: whatever was left by whom, the way ends with the old ones gone,
// and nothing that takes them away is done while they would be missed.
func TestForwardFromAnywhere(t *testing.T) {
	for _, start := range worlds() {
		w, steps := start, 0
		for step := w.scene().Forward(false); step != takeover.Done; step = w.scene().Forward(false) {
			if missed := !w.passing && !w.dead; missed && (step == takeover.Retire || step == takeover.Reload) {
				t.Errorf("from %+v: %s while it would be missed", start, step)
			}
			if slices.Contains([]takeover.Step{takeover.Restore, takeover.Appear, takeover.Remove}, step) {
				t.Fatalf("from %+v: %s is of the other way", start, step)
			}
			if w = w.after(step); steps > 8 {
				t.Fatalf("from %+v: no end, at last %s in %+v", start, step, w)
			}
			steps++
		}
		if w.inPlace || w.loaded || w.shown || w.behind {
			t.Errorf("from %+v: done in %+v", start, w)
		}
	}
}

// TestBackFromAnywhere: the way ends with ours gone, and they do not go before the old
// ones are there.
func TestBackFromAnywhere(t *testing.T) {
	for _, start := range worlds() {
		w, steps := start, 0
		scene := func() takeover.Scene {
			s := w.scene()
			if w.behind && !w.passing {
				s.Ours = 0
			}
			return s
		}
		for step := scene().Back(); step != takeover.Done; step = scene().Back() {
			if step == takeover.Remove && (!w.inPlace || !w.loaded || !w.shown) {
				t.Errorf("from %+v: %s while the old ones are not there", start, step)
			}
			if w = w.after(step); steps > 8 {
				t.Fatalf("from %+v: no end, at last %s in %+v", start, step, w)
			}
			steps++
		}
		if !w.inPlace || !w.loaded || !w.shown || scene().Ours > 0 {
			t.Errorf("from %+v: done in %+v", start, w)
		}
	}
}

// TestMissed: a dead port is nobody's loss, unless all seem to be dead: then it may be us
// who cannot tell.
func TestMissed(t *testing.T) {
	lack := func(dead ...bool) (all []takeover.Lack) {
		for _, d := range dead {
			all = append(all, takeover.Lack{Dead: d})
		}
		return all
	}
	for _, tt := range []struct {
		what    string
		lacking []takeover.Lack
		want    int
		step    takeover.Step
	}{
		{"none lacks", nil, 0, takeover.Retire},
		{"a dead one", lack(true), 0, takeover.Retire},
		{"a living one", lack(false), 1, takeover.Await},
		{"one of each", lack(true, false), 1, takeover.Await},
		{"all are dead", lack(true, true, true), 3, takeover.Await},
	} {
		s := takeover.Scene{Old: make([]takeover.Old, 3), InPlace: true, Lacking: tt.lacking}
		if got := len(s.Missed()); got != tt.want {
			t.Errorf("%s: %d missed, want %d", tt.what, got, tt.want)
		}
		if got := s.Forward(false); got != tt.step {
			t.Errorf("%s: %s, want %s", tt.what, got, tt.step)
		}
		if got := s.Forward(true); got != takeover.Retire {
			t.Errorf("%s: forced: %s", tt.what, got)
		}
	}
}
