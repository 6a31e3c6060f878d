package agent

import (
	"context"
	"time"

	"github.com/k8s-registrar/k8s-registrar/kvschema"
	"github.com/k8s-registrar/k8s-registrar/register"
	"github.com/k8s-registrar/k8s-registrar/register/spread"
)

// Plan compares the tree with the local agent once, and changes nothing. Its error
// says that Consul could not be read, or that what it says is no knowledge.
func (a *Agent) Plan(ctx context.Context) (Pass, error) {
	snapshot, err := a.know(ctx)
	if err != nil {
		return Pass{}, err
	}
	a.reconciler.sharer.adopt(a.glance(ctx))
	return a.reconciler.prepare(ctx, ctx, Belief{Snapshot: snapshot})
}

// Apply carries out what Plan returned, telling done of each step. It refuses to while
// a daemon keeps the same services: that one knows what has to wait.
func (a *Agent) Apply(ctx context.Context, pass Pass, done func(register.Outcome) bool) (Pass, error) {
	held, err := Claim(ctx, pass.Node.UID, a.config.Instance)
	if err != nil {
		return pass, err
	}
	defer held.Close() //nolint:errcheck // nothing is left to do with it
	return a.reconciler.apply(ctx, pass, done), nil
}

// glance looks once who takes part. Nothing is let go on the strength of that.
func (a *Agent) glance(ctx context.Context) spread.View {
	if a.config.Spread.Copies == 0 {
		return spread.View{}
	}
	seen, self, err := a.membership(nil).look(ctx)
	if err != nil {
		return spread.View{} // as a daemon does that never knew the others
	}
	now := time.Now()
	return spread.View{Mode: spread.Shared, Self: self, Members: spread.Roll{}.See(seen, now).Members(), Since: now}
}

// Holders returns the nodes that should announce a Service, as far as the servers tell who
// takes part at this moment; none if all do.
func (a *Agent) Holders(ctx context.Context, s kvschema.Service) ([]string, error) {
	copies := a.reconciler.mapping.CopiesOf(s)
	if copies == 0 {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	seen, err := a.membership(nil).ask(ctx, "")
	if err != nil {
		return nil, err
	}
	return spread.Roll{}.See(seen, time.Now()).Members().Holders(s.Key, copies, s.Nodes), nil
}

// know reads the tree once, in the surest way.
func (a *Agent) know(ctx context.Context) (Snapshot, error) {
	w := a.watch(newNews[Snapshot](), newNews[struct{}](), nil)
	if err := w.survey(ctx); err != nil {
		return Snapshot{}, err
	}
	return *w.known, nil
}

// Unreachable tells whether an error means that Consul did not answer, or could not
// since its servers have no leader: trying again later may help.
func Unreachable(err error) bool {
	switch reason(err) {
	case "no_leader", unreachable.String(), overloaded.String(), failed.String():
		return true
	}
	return false
}
