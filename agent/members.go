package agent

import (
	"context"
	"fmt"
	"reflect"
	"sync"
	"time"

	"github.com/hashicorp/consul/api"
	"golang.org/x/time/rate"

	"github.com/k8s-registrar/k8s-registrar/config"
	"github.com/k8s-registrar/k8s-registrar/register"
	"github.com/k8s-registrar/k8s-registrar/register/spread"
)

const (
	// membersPause is how often to look who takes part though nothing rang.
	membersPause = time.Minute
	// membersCalm is for how long the first list has to stay the same: the daemons of a
	// fleet that starts appear one after the other.
	membersCalm = 3 * time.Second
	// membersGrace is how long the others may stay unknown, though the servers have a
	// leader, until everything is announced.
	membersGrace = 15 * time.Second
)

// membership follows who takes part in sharing services out: the nodes whose daemons
// announce themselves. What is not knowledge changes nothing, see [sightings]. Its views are
// the loop's, which makes a pass for each that is new.
type membership struct {
	client  *api.Client
	local   *register.Local
	token   func() bool // whether requests carry a token
	config  config.Config
	configs news[config.Config]
	bell    func(rings news[struct{}], daemon string) *drift
	views   news[spread.View]
	show    func(error)
	voice   *voice

	roll    spread.Roll
	view    spread.View // the last that was put
	changed time.Time   // when the members last changed
	heard   time.Time   // when a look was first answered, with whatever
}

func (m *membership) run(ctx context.Context) error {
	for ctx.Err() == nil {
		if m.config.Spread.Copies > 0 {
			m.follow(ctx)
			continue
		}
		m.put(spread.View{})
		select {
		case <-ctx.Done():
		case m.config = <-m.configs:
		}
	}
	return nil
}

// follow looks until the nodes are to be found under another name, or not at all any more.
func (m *membership) follow(ctx context.Context) {
	m.roll, m.changed, m.heard = spread.Roll{}, time.Time{}, time.Time{}
	m.put(spread.View{Mode: spread.Pending})
	daemon := m.config.Telemetry.Announce
	rings := newNews[struct{}]()
	listening, stop := context.WithCancel(ctx)
	var bell sync.WaitGroup
	bell.Go(func() { _ = m.bell(rings, daemon).run(listening) })
	defer bell.Wait()
	defer stop()
	waits := newRetry()
	for m.config.Spread.Copies > 0 && m.config.Telemetry.Announce == daemon {
		wait := m.turn(ctx, waits)
		if !m.rest(ctx, rings, time.Now().Add(wait)) {
			return
		}
	}
}

// turn looks once, and returns when to look again.
func (m *membership) turn(ctx context.Context, waits retry) time.Duration {
	m.roll.Hold, m.roll.Settle = m.config.Spread.Hold, m.config.Spread.Settle
	seen, self, err := m.look(ctx)
	if ctx.Err() != nil {
		return 0
	}
	if m.heard.IsZero() && (err == nil || m.local.Leader(ctx) == nil) {
		m.heard = time.Now()
	}
	m.show(err)
	if err != nil {
		wait := waits.after(err)
		if classify(err) != unreachable { // that the agent is away, others say
			m.voice.failed(err, "retry", wait)
		}
		return wait
	}
	waits.reset()
	m.voice.recovered()
	m.view.Self = self
	m.roll = m.roll.See(seen, time.Now())
	return membersPause
}

// rest publishes what time alone makes of the members, until it is time to look again. It
// returns false when the context ends.
func (m *membership) rest(ctx context.Context, rings news[struct{}], until time.Time) bool {
	for {
		next := m.publish(time.Now())
		if next.IsZero() || until.Before(next) {
			next = until
		}
		select {
		case <-ctx.Done():
			return false
		case <-rings:
			return true
		case m.config = <-m.configs:
			return true
		case <-time.After(time.Until(next)):
			if !time.Now().Before(until) {
				return true
			}
		}
	}
}

// publish puts the view of this moment, and returns when it changes by itself; zero if it
// does not.
func (m *membership) publish(now time.Time) (next time.Time) {
	m.roll = m.roll.At(now)
	view := spread.View{Mode: m.view.Mode, Self: m.view.Self, Members: m.roll.Members(), Since: m.changed}
	if m.changed.IsZero() || !reflect.DeepEqual(view.Members, m.view.Members) {
		m.changed, view.Since = now, now
	}
	view.Mode, next = m.mode(now)
	m.put(view)
	if due := m.roll.Next(); next.IsZero() || !due.IsZero() && due.Before(next) {
		next = due
	}
	return next
}

// mode tells how much is known at this moment, and when that changes by itself.
func (m *membership) mode(now time.Time) (mode spread.Mode, next time.Time) {
	giveUp, calm := m.heard.Add(membersGrace), m.changed.Add(membersCalm)
	switch {
	case m.heard.IsZero():
		return spread.Pending, time.Time{}
	case m.view.Mode == spread.Shared:
		return spread.Shared, time.Time{}
	case !m.roll.Known() && now.Before(giveUp):
		return spread.Pending, giveUp
	case !m.roll.Known():
		return spread.Alone, time.Time{}
	case now.Before(calm):
		return m.view.Mode, calm
	default:
		return spread.Shared, time.Time{}
	}
}

// put hands a view to the loop if it is another one.
func (m *membership) put(view spread.View) {
	if !reflect.DeepEqual(view, m.view) {
		m.view = view
		m.views.put(view)
	}
}

// look asks who takes part, and who we are among them. It does not take the
// doorbell's word: the Consul agent answers a query that waits from a view of its own, which
// does not know whether there is a leader, and is empty while no server is reached.
func (m *membership) look(ctx context.Context) ([]spread.Sighting, string, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	node, err := m.local.Node(ctx)
	if err != nil {
		return nil, "", err
	}
	seen, err := m.ask(ctx, node.Name)
	return seen, node.Name, err
}

// ask asks the servers for the daemons, that of this node among them unless it has no name.
func (m *membership) ask(ctx context.Context, self string) ([]spread.Sighting, error) {
	options := &api.QueryOptions{Filter: m.filter()}
	entries, meta, err := m.client.Health().Service(m.config.Telemetry.Announce, "", false, options.WithContext(ctx))
	if err != nil {
		return nil, fmt.Errorf("read daemons from catalog: %w", err)
	}
	return sightings(entries, meta, m.token(), self)
}

func (m *membership) filter() string {
	return fmt.Sprintf("Service.ID == %q", string(register.Owner{Instance: m.config.Instance}.Daemon()))
}

// membership returns what follows the others, from the configuration of the start.
func (a *Agent) membership(views news[spread.View]) *membership {
	return &membership{
		client:  a.client,
		local:   a.reconciler.local,
		token:   a.token.set,
		config:  a.config,
		configs: a.reloader.members,
		bell:    a.bell,
		views:   views,
		show: func(err error) {
			a.board.looked(err)
			a.metrics.looked(err)
		},
		voice: newVoice(a.log.Named("spread"), "looking who takes part"),
	}
}

// bell returns a doorbell that rings when a daemon comes, goes, or changes.
func (a *Agent) bell(rings news[struct{}], daemon string) *drift {
	return &drift{
		ask: func(_ string, options *api.QueryOptions) (uint64, error) {
			options.Filter = `Service.ID == "-"` // it keeps the answer small, and wakes all the same
			_, meta, err := a.client.Health().Service(daemon, "", false, options)
			if err != nil {
				return 0, err
			}
			return meta.LastIndex, nil
		},
		node:  func(context.Context) (string, error) { return "", nil }, // it is about all nodes
		wait:  a.config.Watch.Wait,
		pace:  rate.NewLimiter(rate.Every(driftPace), 1),
		ring:  rings,
		back:  rings,
		voice: newVoice(a.log.Named("spread"), "watching the daemons in the catalog"),
	}
}
