package agent

import (
	"context"
	"fmt"
	"math/rand/v2"
	"reflect"
	"sync"
	"time"

	"github.com/hashicorp/consul/api"

	"github.com/k8s-registrar/k8s-registrar/config"
	"github.com/k8s-registrar/k8s-registrar/register"
	"github.com/k8s-registrar/k8s-registrar/register/spread"
)

const (
	// membersPause is how often the servers are asked who takes part, whatever the doorbell
	// tells. In a large fleet that is a large answer for each node.
	membersPause = 10 * time.Minute
	// membersCalm is for how long the first list has to stay the same: the daemons of a
	// fleet that starts appear one after the other.
	membersCalm = 3 * time.Second
	// membersGrace is how long the others may stay unknown, though the servers have a
	// leader, until everything is announced.
	membersGrace = 15 * time.Second
)

// membership follows who takes part in sharing services out: the nodes whose daemons
// announce themselves. What is not knowledge changes nothing, see [sightings] and
// [membership.hear]. Its views are the loop's, which makes a pass for each that is new.
type membership struct {
	client  *api.Client
	local   *register.Local
	token   func() bool // whether requests carry a token
	config  config.Config
	configs news[config.Config]
	bell    func(news[daemons], func(context.Context, *api.QueryOptions) (daemons, error)) *drift
	views   news[spread.View]
	show    func(error)
	off     func() // nothing is shared out
	voice   *voice

	self    string // the name of this node
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
		m.off()
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
	heard := newNews[daemons]()
	bell := m.bell(heard, m.question(daemon))
	listening, stop := context.WithCancel(ctx)
	var wait sync.WaitGroup
	wait.Go(func() { _ = bell.run(listening) })
	defer wait.Wait()
	defer stop()
	waits := newRetry()
	for m.config.Spread.Copies > 0 && m.config.Telemetry.Announce == daemon {
		until := time.Now().Add(m.turn(ctx, waits))
		if !m.rest(ctx, heard, until) {
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
	m.self = self
	m.roll = m.roll.See(seen, time.Now())
	return membersPause*3/4 + rand.N(membersPause/2) // spread over the fleet
}

// hear takes over what the doorbell has heard, and returns false if that proves nothing. It
// comes from a view that the local agent keeps of the catalog, which spares the servers an
// answer about all nodes to all nodes; but the view does not tell what ACLs hide in it,
// whether there is a leader, or that it is empty because no server is reached. So it has to
// have every node that was seen before.
func (m *membership) hear(ctx context.Context, d daemons) bool {
	seen, err := sightings(d.entries, d.meta, m.self)
	if m.self == "" || err != nil || !m.roll.Among(seen) || m.local.Leader(ctx) != nil {
		return false
	}
	m.roll = m.roll.See(seen, time.Now())
	return true
}

// rest takes over what is heard, and publishes what that and time make of the members, until
// the servers are to be asked again. It returns false when the context ends.
func (m *membership) rest(ctx context.Context, heard news[daemons], until time.Time) bool {
	for {
		next := m.publish(time.Now())
		if next.IsZero() || until.Before(next) {
			next = until
		}
		select {
		case <-ctx.Done():
			return false
		case d := <-heard:
			if !m.hear(ctx, d) {
				return true
			}
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
	view := spread.View{Mode: m.view.Mode, Self: m.self, Members: m.roll.Members(), Since: m.changed}
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

// look asks the servers who takes part, and who we are among them.
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
	d, err := m.question(m.config.Telemetry.Announce)(ctx, &api.QueryOptions{})
	if err != nil {
		return nil, fmt.Errorf("read daemons from catalog: %w", err)
	}
	if err := d.proven(m.token()); err != nil {
		return nil, err
	}
	return sightings(d.entries, d.meta, self)
}

// question returns what asks for the daemons of this name.
func (m *membership) question(daemon string) func(context.Context, *api.QueryOptions) (daemons, error) {
	filter := fmt.Sprintf("Service.ID == %q", string(register.Owner{Instance: m.config.Instance}.Daemon()))
	return func(ctx context.Context, options *api.QueryOptions) (d daemons, err error) {
		options.Filter = filter
		d.entries, d.meta, err = m.client.Health().Service(daemon, "", false, options.WithContext(ctx))
		return d, err
	}
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
		off:   a.metrics.unshared,
		voice: newVoice(a.log.Named("spread"), "looking who takes part"),
	}
}

// bell returns a doorbell that tells what it hears when a daemon comes, goes, or changes.
func (a *Agent) bell(heard news[daemons], ask func(context.Context, *api.QueryOptions) (daemons, error)) *drift {
	return &drift{
		ask: func(_ string, options *api.QueryOptions) (uint64, error) {
			options.WaitIndex = max(options.WaitIndex, 1) // without any the servers would be asked
			d, err := ask(options.Context(), options)
			if err != nil {
				return 0, err
			}
			heard.put(d)
			return d.meta.LastIndex, nil
		},
		node: func(context.Context) (string, error) { return "", nil }, // it is about all nodes
		wait: a.config.Watch.Wait,
		pace: newPace(),
		ring: func(uint64) {}, // what matters is what was heard
		back: newNews[struct{}](),
		// What the servers hold for this node does not show here.
		rewound: newNews[struct{}](),
		voice:   newVoice(a.log.Named("spread"), "watching the daemons in the catalog"),
	}
}
