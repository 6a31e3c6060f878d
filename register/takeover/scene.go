package takeover

import (
	"fmt"
	"strings"
)

// Scene is what is to be seen of a takeover at one instant.
type Scene struct {
	// Old is the old set: what the file says, or if it is retired, what that says.
	Old []Old
	// InPlace tells that the file is where Consul loads it from, and Retired that the
	// retired file is there.
	InPlace, Retired bool
	// Behind is how many of ours the local agent does not hold as it should.
	Behind int
	// Ours is how many of ours it holds.
	Ours int
	// Loaded are the IDs of the old set that the local agent holds, Shown those that the
	// servers' catalog has for this node.
	Loaded, Shown []string
	// Lacking are services of the old set without a passing one of ours in the catalog.
	Lacking []Lack
}

// Lack is a service that would be missed.
type Lack struct {
	Old Old
	// Why says what is wrong with ours.
	Why string
	// Dead tells that nobody answers at its port, so that nobody can miss it.
	Dead bool
}

// String says what would be missed and why.
func (l Lack) String() string { return fmt.Sprintf("%s (%s)", l.Old, l.Why) }

// Step is what to do next.
type Step string

// The steps of both ways.
const (
	Register Step = "register ours beside the old ones"
	Await    Step = "wait until ours are passing in the servers' catalog"
	Retire   Step = "move the file aside"
	Reload   Step = "reload Consul"
	Vanish   Step = "wait until the old ones are gone from the servers' catalog"
	Restore  Step = "put the file back"
	Appear   Step = "wait until the old ones are in the servers' catalog"
	Remove   Step = "remove ours"
	Done     Step = "done"
)

// Forward returns the next step of a takeover. Nothing that takes an old service away
// comes while one would be missed, unless forced.
func (s Scene) Forward(force bool) Step {
	switch {
	case s.Behind > 0:
		return Register
	case !s.InPlace && len(s.Loaded) == 0 && len(s.Shown) == 0:
		return Done
	case len(s.Missed()) > 0 && !force && (s.InPlace || len(s.Loaded) > 0):
		return Await
	case s.InPlace:
		return Retire
	case len(s.Loaded) > 0:
		return Reload
	default:
		return Vanish
	}
}

// Back returns the next step of a rollback.
func (s Scene) Back() Step {
	switch {
	case !s.InPlace:
		return Restore
	case len(s.Loaded) < len(s.Old):
		return Reload
	case len(s.Shown) < len(s.Old):
		return Appear
	case s.Ours > 0:
		return Remove
	default:
		return Done
	}
}

// Missed returns what stands in the way: services that somebody would miss. A dead port
// is in nobody's way, if others show that the dead are told from the living.
func (s Scene) Missed() []Lack {
	if len(s.Lacking) == len(s.Old) {
		return s.Lacking
	}
	var missed []Lack
	for _, lack := range s.Lacking {
		if !lack.Dead {
			missed = append(missed, lack)
		}
	}
	return missed
}

// mostNamed is how many services an error names.
const mostNamed = 5

// missedText names what would be missed.
func missedText(missed []Lack) string {
	var names []string
	for _, lack := range missed[:min(len(missed), mostNamed)] {
		names = append(names, lack.String())
	}
	text := strings.Join(names, ", ")
	if more := len(missed) - mostNamed; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}
