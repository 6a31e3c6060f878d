package agent

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/k8s-registrar/k8s-registrar/register"
)

const (
	// verifyPause is the least time between two looks at the catalog.
	verifyPause = 10 * time.Second
	// patienceWithSync is how long a difference may last: Consul's agent sends a
	// change at once, or it has not been able to. After the servers went back in time
	// there is none, see [rewind].
	patienceWithSync = 10 * time.Second
	// resendPause is the least time between two repairs of one service. Consul's
	// agents compare themselves with the servers every minute or two.
	resendPause = time.Minute
	// manyResends is how many repairs without success make it somebody's problem.
	manyResends = 3
	// minResends and maxResends bound how many services are sent again together. A
	// limit of Consul's on requests may be what kept them from arriving, so there are
	// few at first, and more only as long as all of them arrive.
	minResends = 4
	maxResends = 512
)

// verifier compares what the servers hold for this node with what they should. The
// local agent's 200 does not tell.
type verifier struct {
	local *register.Local
	every time.Duration // how often to look though nothing rang
	token func() bool   // whether requests carry a token

	stirred   bool      // something was changed, by us or not, since the last look
	echo      echo      // of what narrow passes have changed since
	asked     time.Time // when the catalog was last asked for anything
	looked    time.Time // when it was last asked for everything
	verified  time.Time // when that was answered in full
	diverging map[register.ID]*divergence
	resent    []register.ID // at the last look
	resends   int           // how many may be sent again now
	rewind    rewind
	err       error
}

type divergence struct {
	what    string
	since   time.Time
	over    time.Time // when it was seen to have ended; zero while it lasts
	resent  time.Time
	resends int
}

var errNoName = errors.New("the catalog cannot be verified: the name of this node is not known: grant agent read")

// due tells whether to look: soon when something has changed, and else now and then.
func (v *verifier) due(now time.Time) bool {
	return now.Sub(v.looked) >= v.every || v.rewind.due(now) || v.free(now) && (v.busy() || v.echo.old(now))
}

// free tells whether enough time has passed to ask the catalog again.
func (v *verifier) free(now time.Time) bool { return now.Sub(v.asked) >= verifyPause }

// busy tells whether there is something to look at soon.
func (v *verifier) busy() bool {
	return v.stirred || len(v.lasting()) > 0 || errors.Is(v.err, register.ErrAnotherNode)
}

// look compares, and returns which services to send again and why.
func (v *verifier) look(ctx context.Context, pass Pass, now time.Time) map[register.ID]string {
	if pass.Node.Name == "" {
		v.done(now, errNoName)
		return nil
	}
	local := v.local.Recalling(pass.Actual)
	if v.rewind.lasts(now) {
		local = local.Fresh() // without patience a follower that lags would be taken at its word
	}
	catalog, err := local.Cataloged(ctx, pass.Node, pass.Desired, v.token())
	if err != nil && gaveWay(ctx) {
		v.stirred = true // later
		return nil
	}
	v.done(now, err)
	if err != nil {
		return nil // not known is not different
	}
	v.verified = now
	resend := map[register.ID]string{}
	found := register.Diverge(pass.Desired, pass.Actual, catalog)
	v.forget(found, now)
	v.pace()
	var more bool
	for _, found := range found {
		d := v.note(found, now)
		switch {
		case found.ByAgent || !v.ripe(d, now):
		case len(resend) >= v.resends:
			more = true
		default:
			d.resent = now
			d.resends++
			resend[found.ID] = found.What
			v.resent = append(v.resent, found.ID)
		}
	}
	v.rewind.looked(now, more || len(resend) > 0)
	return resend
}

// ripe tells whether a divergence is to be mended now.
func (v *verifier) ripe(d *divergence, now time.Time) bool {
	return now.Sub(d.resent) >= resendPause && (now.Sub(d.since) >= patienceWithSync || v.rewind.on(now))
}

// note remembers a divergence, which may be new, or be back.
func (v *verifier) note(found register.Divergence, now time.Time) *divergence {
	d := v.diverging[found.ID]
	if d == nil {
		d = &divergence{since: now}
		v.diverging[found.ID] = d
	}
	if !d.over.IsZero() {
		d.since, d.over = now, time.Time{}
	}
	d.what = found.What
	return d
}

// rewound notes that the servers went back in time. What was sent before may be lost again,
// and whether it had arrived tells nothing.
func (v *verifier) rewound(now time.Time) {
	v.rewind.begin(now)
	v.resends, v.resent = max(v.resends, rewoundResends), nil
	for _, d := range v.diverging {
		d.resent = time.Time{}
	}
}

// done notes that everything was asked for. What has failed, and may not fail again, is asked
// for again.
func (v *verifier) done(now time.Time, err error) {
	v.asked, v.looked, v.err = now, now, err
	v.stirred = err != nil && !errors.Is(err, register.ErrUnverified) && !errors.Is(err, errNoName)
	v.echo = echo{}
	if err != nil {
		v.rewind.looked(now, v.stirred)
	}
}

// sent takes over what became of what a look wanted to be sent again. What was not tried is
// tried at the next look.
func (v *verifier) sent(again map[register.ID]string, report register.Report) {
	if len(again) == 0 {
		return // what was sent before is not in this report
	}
	tried := map[register.ID]bool{}
	for _, o := range report.Outcomes {
		tried[o.Step.ID] = !errors.Is(o.Err, register.ErrPostponed)
	}
	v.resent = slices.DeleteFunc(v.resent, func(id register.ID) bool {
		if !tried[id] {
			v.diverging[id].resent = time.Time{}
			v.diverging[id].resends--
		}
		return !tried[id]
	})
}

// pace doubles the number of services to send again when all that were have arrived,
// and halves it when they have not. If none has, haste does not help.
func (v *verifier) pace() {
	var missed int
	for _, id := range v.resent {
		if d := v.diverging[id]; d != nil && d.over.IsZero() {
			missed++
		}
	}
	switch {
	case missed > 0:
		v.resends /= 2
		if missed == len(v.resent) {
			v.rewind = rewind{}
		}
	case len(v.resent) > 0:
		v.resends *= 2
	}
	v.resends = min(max(v.resends, minResends), maxResends)
	v.resent = nil
}

// forget notes which divergences have ended. They are remembered for a while: one that
// comes back again and again is somebody else's doing.
func (v *verifier) forget(found []register.Divergence, now time.Time) {
	if v.diverging == nil {
		v.diverging = map[register.ID]*divergence{}
	}
	lasting := map[register.ID]bool{}
	for _, f := range found {
		lasting[f.ID] = true
	}
	for id, d := range v.diverging {
		switch {
		case lasting[id]:
		case d.over.IsZero():
			d.over = now
		case now.Sub(d.over) > manyResends*resendPause:
			delete(v.diverging, id)
		}
	}
}

// lasting returns the divergences that have not ended.
func (v *verifier) lasting() map[register.ID]*divergence {
	all := map[register.ID]*divergence{}
	for id, d := range v.diverging {
		if d.over.IsZero() {
			all[id] = d
		}
	}
	return all
}

// name says what a divergence is: young ones may pass by themselves.
func (d *divergence) name() string {
	switch {
	case d.resends == 0:
		return "not synced yet: " + d.what
	case d.resends < manyResends:
		return fmt.Sprintf("sent again %d times: %s", d.resends, d.what)
	default:
		return fmt.Sprintf("blocked or overwritten: %s, though it was sent again %d times: look for \"blocked by ACLs\", \"rate limit\" or \"reserved by node\" in the log of the Consul agent", d.what, d.resends)
	}
}

// status is what is shown.
func (v *verifier) status() CatalogStatus {
	s := CatalogStatus{Verified: v.verified, Diverging: len(v.lasting())}
	if v.err != nil {
		s.Error = v.err.Error()
	}
	return s
}

// nonce is different each time.
func nonce(now time.Time) string { return strconv.FormatInt(now.UnixNano(), 36) }
