package register

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/consul/api"
)

// MarkerName is the name of the service that marks a node which the command
// "maintenance on" has taken out: the catalog lists all such nodes under it.
const MarkerName = Program + "-maintenance"

// ErrTaken is why the node cannot be marked.
var ErrTaken = errors.New("a service of somebody else has this ID: deregister it")

// marker is the ID of the service whose being there is the fact that this node is in
// maintenance. It is a service since nothing else that Consul's agent keeps is seen
// by nobody and harms nobody: a check of the node itself would, when critical, take
// everybody's services out. Namespace and name are missing in it, so that it is the ID
// of no Service.
func (o Owner) marker() ID { return ID(o.prefix() + "maintenance") }

// Mark says that this node is in maintenance, which holds until [Local.Unmark]. A marker
// that is there stays as it is. The marker is in maintenance mode itself, so that
// nobody takes it for a service to send requests to.
func (l *Local) Mark(ctx context.Context, mark Mark) error {
	actual, err := l.Actual(ctx, Desired{})
	if err != nil {
		return err
	}
	id := l.owner.marker()
	if _, taken := actual.Taken[id]; taken {
		return fmt.Errorf("mark node: %s: %w", id, ErrTaken)
	}
	if err := l.Leader(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	if actual.Marker == "" {
		service := &api.AgentServiceRegistration{ID: string(id), Name: MarkerName, Meta: map[string]string{
			MetaManagedBy: Program,
			MetaInstance:  l.owner.Instance,
			MetaMark:      string(mark),
			MetaSince:     time.Now().UTC().Format(time.RFC3339),
		}}
		if err := l.client.Agent().ServiceRegisterOpts(service, api.ServiceRegisterOpts{}.WithContext(ctx)); err != nil {
			return fmt.Errorf("mark node: register %s: %w", MarkerName, err)
		}
	} else {
		mark = actual.Marker
	}
	return l.enter(ctx, id, mark)
}

// Unmark says that this node is not in maintenance any more.
func (l *Local) Unmark(ctx context.Context) error {
	actual, err := l.Actual(ctx, Desired{})
	if err != nil {
		return err
	}
	if actual.Marker == "" {
		return nil
	}
	if err := l.Leader(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	return l.deregister(ctx, l.owner.marker())
}

// Marked tells whether the node is marked, which costs little however many services there are.
func (l *Local) Marked(ctx context.Context) (bool, error) {
	actual, err := l.Some(ctx, nil, true)
	return actual.Marker != "", err
}

// unmarked tells whether it is sure that there is no marker. A list hides what the token
// may not see; a single service that is hidden is 403, and one that is not there 404.
func (l *Local) unmarked(ctx context.Context) bool {
	options := (&api.QueryOptions{}).WithContext(ctx)
	_, _, err := l.client.Agent().Service(string(l.owner.marker()), options)
	return notFound(err)
}

func (l *Local) enter(ctx context.Context, id ID, mark Mark) error {
	options := (&api.QueryOptions{}).WithContext(ctx)
	if err := l.client.Agent().EnableServiceMaintenanceOpts(string(id), string(mark), options); err != nil {
		return fmt.Errorf("enter maintenance mode: %w", err)
	}
	return nil
}

func (l *Local) lift(ctx context.Context, id ID) error {
	options := (&api.QueryOptions{}).WithContext(ctx)
	if err := l.client.Agent().DisableServiceMaintenanceOpts(string(id), options); err != nil && !notFound(err) {
		return fmt.Errorf("leave maintenance mode: %w", err)
	}
	return nil
}
