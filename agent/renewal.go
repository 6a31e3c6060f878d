package agent

import (
	"context"
	"fmt"
	"time"

	"github.com/hashicorp/consul/api"
	"github.com/hashicorp/go-hclog"
)

// filesPause is how often the files with certificates are looked at. They are read
// whole: a change of content within the resolution of file times must not be missed.
const filesPause = 5 * time.Second

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
	ticker := time.NewTicker(filesPause)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		case r.files = <-r.moves:
		}
		changed, err := r.look(ctx)
		if ctx.Err() != nil {
			return nil
		}
		r.show(err)
		if err != nil {
			r.voice.failed(err)
			continue
		}
		r.voice.recovered()
		if changed {
			r.log.Info("Consul was reached with new certificates: they are in force")
		}
	}
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
