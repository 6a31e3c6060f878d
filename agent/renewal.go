package agent

import (
	"context"
	"fmt"

	"github.com/hashicorp/consul/api"
	"github.com/hashicorp/go-hclog"
)

// renewal follows the files with TLS material for Consul. New material is used once the
// agent was reached with it; what does not work leaves the old one in force.
type renewal struct {
	transport *Transport
	client    *api.Client
	files     TLSFiles
	moves     news[TLSFiles] // other files, or look now
	show      func(error)
	voice     *voice
	log       hclog.Logger
}

func (r *renewal) run(ctx context.Context) error {
	if r.transport == nil {
		return nil
	}
	f := followed[TLSFiles]{place: &r.files, moves: r.moves, look: r.look, show: r.show, voice: r.voice}
	f.then = func() { r.log.Info("Consul was reached with new certificates: they are in force") }
	return f.run(ctx)
}

// look reads the files, tries material that is new, and puts it in force.
func (r *renewal) look(ctx context.Context) (changed bool, err error) {
	m, err := r.files.read()
	if err != nil || m.digest == r.transport.digest {
		return false, err
	}
	fresh, err := r.transport.with(m)
	if err != nil {
		return false, err
	}
	ctx, cancel := context.WithTimeout(try(ctx, fresh), readTimeout)
	defer cancel()
	options := (&api.QueryOptions{}).WithContext(ctx)
	// Any answer will do, since it came over TLS.
	if _, err := r.client.Status().LeaderWithQueryOptions(options); err != nil && statusCode(err) == 0 {
		fresh.CloseIdleConnections()
		return false, fmt.Errorf("use new certificates: %w; the old ones stay in force", err)
	}
	r.transport.use(fresh, m)
	return true, nil
}
