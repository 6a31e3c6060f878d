package agent

import (
	"fmt"
	"time"

	"github.com/k8s-registrar/k8s-registrar/register/spread"
)

// SpreadStatus tells how services are shared out among nodes.
type SpreadStatus struct {
	// Copies is how many nodes announce a service that does not say it itself.
	Copies int `json:"copies"`
	// State is "pending" while the others are not known yet, "shared" when they are, and
	// "alone" if they could not be known: then this node announces everything.
	State string `json:"state"`
	// Members are the nodes that take part, and Changed is when they last changed.
	Members []string  `json:"members"`
	Changed time.Time `json:"changed,omitzero"`
	// LastSuccess is when the servers last told who takes part, and Error why they do not;
	// then those that were known stay.
	LastSuccess time.Time `json:"last_success,omitzero"`
	Error       string    `json:"error,omitempty"`
	// Elsewhere counts the Services that only other nodes announce, and Leaving those that
	// they should, and this node does until each of them has it passing.
	Elsewhere int `json:"elsewhere"`
	Leaving   int `json:"leaving"`
}

// Words is the state of it in words; ago says how long ago something was.
func (s *SpreadStatus) Words(ago func(time.Time) string) string {
	switch s.State {
	case "shared":
		words := fmt.Sprintf("%d copies among %s, which changed %s; %s elsewhere", s.Copies, plural(len(s.Members), "node", "nodes"), ago(s.Changed), plural(s.Elsewhere, "Service", "Services"))
		if s.Leaving > 0 {
			words += fmt.Sprintf(", %d more when the others pass", s.Leaving)
		}
		return words
	case "pending":
		return "the other nodes are not known yet: nothing is added that may be theirs"
	default:
		return "the other nodes are not known: this one announces everything"
	}
}

// looked notes whether the servers told who takes part.
func (b *board) looked(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	b.spread.Error = ""
	if err != nil {
		b.spread.Error = err.Error()
		b.chronicle.failed("daemons", b.spread.Error, now)
		return
	}
	b.spread.LastSuccess = now
}

// shares returns what is shown of spread, nil if it is off.
func (b *board) shares() *SpreadStatus {
	if b.copies == 0 {
		return nil
	}
	s := b.spread
	s.Copies = b.copies
	return &s
}

// show takes over what a pass has found.
func (s *SpreadStatus) show(pass Pass) {
	s.State, s.Members, s.Changed = stateWord(pass.View.Mode), pass.View.Members.Names(), pass.View.Since
	s.Elsewhere, s.Leaving = len(pass.Desired.Elsewhere), len(pass.Leaving)
}

func stateWord(mode spread.Mode) string {
	switch mode {
	case spread.Pending:
		return "pending"
	case spread.Shared:
		return "shared"
	default:
		return "alone"
	}
}

// looked notes whether the servers told who takes part.
func (m *metrics) looked(err error) {
	if err != nil {
		m.membersKnown.Set(0)
		return
	}
	m.membersKnown.Set(1)
	m.membersSeen.SetToCurrentTime()
}

// unshared notes that nobody has to be known.
func (m *metrics) unshared() { m.membersKnown.Set(1) }

// shared notes how services are shared out.
func (m *metrics) shared(pass Pass) {
	m.members.Set(float64(len(pass.View.Members.Names())))
	m.elsewhere.Set(float64(len(pass.Desired.Elsewhere)))
	m.leaving.Set(float64(len(pass.Leaving)))
}
