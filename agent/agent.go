package agent

import (
	"context"
	"fmt"
	"net"
	"time"

	"github.com/hashicorp/consul/api"
	"github.com/hashicorp/go-hclog"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/net/netutil"
	"golang.org/x/sync/errgroup"
	"golang.org/x/time/rate"

	"github.com/k8s-registrar/k8s-registrar/config"
	"github.com/k8s-registrar/k8s-registrar/kvschema"
	"github.com/k8s-registrar/k8s-registrar/register"
)

// Agent is the daemon.
type Agent struct {
	config     config.Config
	client     *api.Client
	token      *Token
	reconciler *reconciler
	board      *board
	metrics    *metrics
	registry   *prometheus.Registry
	hints      chan struct{}
	log        hclog.Logger
}

// Consul is the way to the local agent.
type Consul struct {
	Client *api.Client
	// Token is what the client's requests carry.
	Token *Token
}

// HasToken tells whether requests carry a token at all.
func (c Consul) HasToken() bool { return c.Token.set() }

// New returns an agent. All is built and nothing runs; without a listener in the
// configuration the registry is of no use to anybody.
func New(cfg config.Config, consul Consul, log hclog.Logger, registry *prometheus.Registry) *Agent {
	local := register.NewLocal(consul.Client, register.Owner{Instance: cfg.Instance})
	local.Workers = cfg.Reconcile.Workers
	return &Agent{
		config:     cfg,
		client:     consul.Client,
		token:      consul.Token,
		reconciler: newReconciler(cfg, local, consul.Token),
		board: &board{
			instance:    cfg.Instance,
			maxWatchAge: cfg.Watch.Wait + cfg.Watch.Wait/16 + 2*readTimeout,
			maxPassAge:  2*cfg.Reconcile.Resync + time.Minute,
		},
		metrics:  newMetrics(registry),
		registry: registry,
		hints:    make(chan struct{}, 1),
		log:      log,
	}
}

func (a *Agent) tree() tree {
	return tree{kv: a.client.KV(), prefix: kvschema.Prefix(a.config.KeyPath), token: a.token.set}
}

// Reread looks at the token file now. It returns at once.
func (a *Agent) Reread() {
	select {
	case a.hints <- struct{}{}:
	default: // it is about to be looked at anyway
	}
}

// Run works until the context ends. An error means that it could not start; Consul
// being away is not one.
func (a *Agent) Run(ctx context.Context) error {
	snapshots, rings, tokens := newNews[Snapshot](), newNews[struct{}](), newNews[struct{}]()
	loop := a.loop(snapshots, rings, tokens)
	loop.stopped = ctx.Done()
	group, ctx := errgroup.WithContext(ctx)
	if address := a.config.Telemetry.Listen; address != "" {
		listener, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
		if err != nil {
			return fmt.Errorf("listen for telemetry: %w", err)
		}
		listener = netutil.LimitListener(listener, maxClients)
		a.log.Info("telemetry is served", "address", listener.Addr().String())
		group.Go(func() error { return serve(ctx, listener, handler(a.board, a.registry)) })
	}
	for _, task := range []interface{ run(context.Context) error }{
		a.watch(snapshots),
		a.drift(rings, "services", askServices(a.client)),
		a.drift(rings, "checks", askChecks(a.client)),
		a.rotation(tokens),
		loop,
	} {
		group.Go(func() error { return task.run(ctx) })
	}
	return group.Wait()
}

func (a *Agent) watch(snapshots news[Snapshot]) *watch {
	return &watch{
		tree:     a.tree(),
		wait:     a.config.Watch.Wait,
		fullRead: a.config.Watch.FullRead,
		pace:     rate.NewLimiter(rate.Every(a.config.Watch.MinInterval), 1),
		quiet:    rate.NewLimiter(rate.Every(quietPace), 1),
		news:     snapshots,
		show: func(known *Snapshot, err error) {
			a.board.watched(watchStatus(kvschema.Prefix(a.config.KeyPath), known, err))
			a.metrics.watched(known, err)
		},
		voice: newVoice(a.log.Named("watch"), "reading the tree"),
	}
}

func (a *Agent) drift(rings news[struct{}], what string, ask func(string, *api.QueryOptions) (uint64, error)) *drift {
	return &drift{
		ask: ask,
		node: func(ctx context.Context) (string, error) {
			node, err := a.reconciler.local.Node(ctx)
			return node.Name, err
		},
		wait:  a.config.Watch.Wait,
		pace:  rate.NewLimiter(rate.Every(driftPace), 1),
		ring:  rings,
		voice: newVoice(a.log.Named("drift"), "watching this node's "+what+" in the catalog"),
	}
}

func (a *Agent) rotation(used news[struct{}]) *rotation {
	log := a.log.Named("token")
	return &rotation{
		token: a.token,
		acl:   a.client,
		tree:  a.tree(),
		hints: a.hints,
		used:  used,
		show: func(err error) {
			a.board.tokenRead(err)
			a.metrics.tokenRead(err)
		},
		voice: newVoice(log, "following the token file"),
		log:   log,
	}
}

func (a *Agent) loop(snapshots news[Snapshot], rings, tokens news[struct{}]) *loop {
	log := a.log.Named("reconcile")
	return &loop{
		reconciler: a.reconciler,
		approvals:  approvals{kv: a.client.KV(), keyPath: a.config.KeyPath, used: map[string]uint64{}},
		verifier:   verifier{local: a.reconciler.local, every: a.config.Reconcile.Verify, token: a.token.set},
		snapshots:  snapshots,
		drift:      rings,
		tokens:     tokens,
		resync:     a.config.Reconcile.Resync,
		board:      a.board,
		metrics:    a.metrics,
		log:        log,
		voice:      newVoice(log, "comparing with the local agent"),
		teller:     teller{log: log},
		waits:      newRetry(),
		asking:     newVoice(log, "looking for an approval"),
	}
}
