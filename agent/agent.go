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
	"github.com/k8s-registrar/k8s-registrar/register/spread"
)

// Agent is the daemon.
type Agent struct {
	config     config.Config
	client     *api.Client
	token      *Token
	transport  *Transport
	reconciler *reconciler
	board      *board
	metrics    *metrics
	registry   *prometheus.Registry
	reloader   *reloader
	notifier   *notifier
	log        hclog.Logger
}

// Consul is the way to the local agent.
type Consul struct {
	Client *api.Client
	// Token is what the client's requests carry.
	Token *Token
	// Transport is what the client sends them through; without it the TLS material is
	// that of the start for ever.
	Transport *Transport
}

// access is what the way was built with.
func (c Consul) access() Access {
	a := Access{TokenFile: c.Token.path}
	if a.TokenFile == "" {
		a.Token = config.NewSecret(*c.Token.secret.Load())
	}
	if c.Transport != nil {
		a.TLS = c.Transport.files
	}
	return a
}

// HasToken tells whether requests carry a token at all.
func (c Consul) HasToken() bool { return c.Token.set() }

// New returns an agent. All is built and nothing runs; without a listener in the
// configuration the registry is of no use to anybody.
func New(cfg config.Config, consul Consul, log hclog.Logger, registry *prometheus.Registry) *Agent {
	local := register.NewLocal(consul.Client, register.Owner{Instance: cfg.Instance})
	a := &Agent{
		config:     cfg,
		client:     consul.Client,
		token:      consul.Token,
		transport:  consul.Transport,
		reconciler: newReconciler(cfg, local, consul.Token),
		board:      newBoard(cfg),
		metrics:    newMetrics(registry),
		registry:   registry,
		log:        log,
	}
	a.notifier = newNotifier(a.board, log)
	a.reloader = newReloader(cfg, consul.access(), log, a.notifier, func(err error) {
		a.board.configured(err)
		a.metrics.configured(err)
	})
	return a
}

func (a *Agent) tree() tree {
	reader := ReaderOf(a.config)
	return tree{kv: a.client.KV(), prefix: reader.Prefix(), reader: reader, token: a.token.set}
}

// Run works until the context ends. An error means that it could not start; Consul
// being away is not one.
func (a *Agent) Run(ctx context.Context) error {
	snapshots, tokens, allowed := newNews[Snapshot](), newNews[struct{}](), newNews[struct{}]()
	views, marks := newNews[spread.View](), newNews[bool]()
	loop := a.loop(snapshots, tokens)
	loop.views, loop.marks = views, marks
	loop.stopped = ctx.Done()
	group, ctx := errgroup.WithContext(ctx)
	serve, address, err := a.http(ctx)
	if err != nil {
		return err
	}
	group.Go(func() error { return serve(ctx) })
	for _, task := range []interface{ run(context.Context) error }{
		a.watch(snapshots, loop.stirs, allowed),
		a.servicesBell(loop),
		a.checksBell(loop),
		a.rotation(tokens, allowed),
		a.renewal(),
		a.announcer(address, marks),
		a.membership(views),
		loop,
		a.notifier,
		a.reloader,
	} {
		group.Go(func() error { return task.run(ctx) })
	}
	return group.Wait()
}

// http binds the listener, and returns what serves it and where.
func (a *Agent) http(ctx context.Context) (func(context.Context) error, net.Addr, error) {
	telemetry := a.config.Telemetry
	if telemetry.Listen == "" {
		return func(context.Context) error { return nil }, nil, nil
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", telemetry.Listen)
	if err != nil {
		return nil, nil, fmt.Errorf("listen for telemetry: %w", err)
	}
	listener = netutil.LimitListener(listener, maxClients)
	a.log.Info("telemetry is served", "address", listener.Addr().String())
	var reload func(context.Context) error
	if telemetry.Reload {
		reload = a.reloader.ask
	}
	pages := handler(a.board, a.registry, reload)
	return func(ctx context.Context) error {
		return serve(ctx, listener, pages, telemetry.WebConfigFile, a.log.Named("telemetry"))
	}, listener.Addr(), nil
}

func (a *Agent) watch(snapshots news[Snapshot], stirs, allowed news[struct{}]) *watch {
	return &watch{
		tree:     a.tree(),
		wait:     a.config.Watch.Wait,
		fullRead: a.config.Watch.FullRead,
		pace:     a.config.Watch.MinInterval,
		most:     a.config.Watch.Queries,
		quiet:    rate.NewLimiter(rate.Every(quietPace), 1),
		news:     snapshots,
		stirs:    stirs,
		allowed:  allowed,
		show: func(known *Snapshot, err error) {
			a.board.watched(watchStatus(kvschema.Prefix(a.config.KeyPath), known, err))
			a.metrics.watched(known, err)
		},
		voice: newVoice(a.log.Named("watch"), "reading the tree"),
	}
}

func (a *Agent) servicesBell(loop *loop) *drift {
	d := a.drift(loop, "services", servicesPace)
	d.ask, d.ring = askServices(a.client), loop.drift.put
	return d
}

func (a *Agent) checksBell(loop *loop) *drift {
	d := a.drift(loop, "checks", checksPace)
	d.ask, d.shared = askChecks(a.client), true
	d.ring = func(uint64) { loop.checks.put(struct{}{}) }
	return d
}

func (a *Agent) drift(loop *loop, what string, pace time.Duration) *drift {
	return &drift{
		node: func(ctx context.Context) (string, error) {
			node, err := a.reconciler.local.Node(ctx)
			return node.Name, err
		},
		wait:    a.config.Watch.Wait,
		pace:    newPace(rate.NewLimiter(rate.Every(pace), ringsAtOnce)),
		back:    loop.returns,
		rewound: loop.rewinds,
		voice:   newVoice(a.log.Named("drift"), "watching this node's "+what+" in the catalog"),
	}
}

func (a *Agent) rotation(used, heard news[struct{}]) *rotation {
	log := a.log.Named("token")
	return &rotation{
		token: a.token,
		acl:   a.client,
		tree:  a.tree(),
		local: a.reconciler.local,
		mine:  a.board.registered,
		place: a.reloader.access,
		moves: a.reloader.tokens,
		used:  used,
		own:   a.reloader.ownTokens,
		heard: heard,
		show: func(err error) {
			a.board.tokenRead(err)
			a.metrics.tokenRead(err)
		},
		voice: newVoice(log, "following the token file"),
		log:   log,
	}
}

func (a *Agent) renewal() *renewal {
	log := a.log.Named("tls")
	return &renewal{
		transport: a.transport,
		client:    a.client,
		files:     a.reloader.access.TLS,
		moves:     a.reloader.files,
		show: func(err error) {
			a.board.filesRead(err)
			a.metrics.filesRead(err)
		},
		voice: newVoice(log, "following the certificates for Consul"),
		log:   log,
	}
}

func (a *Agent) announcer(address net.Addr, marks news[bool]) *announcer {
	log := a.log.Named("announce")
	return &announcer{
		local:   register.NewLocal(a.client, register.Owner{Instance: a.config.Instance}),
		token:   a.token.set,
		address: address,
		config:  a.config,
		configs: a.reloader.ownConfigs,
		tokens:  a.reloader.ownTokens,
		marks:   marks,
		voice:   newVoice(log, "announcing the daemon itself"),
		log:     log,
	}
}

func (a *Agent) loop(snapshots news[Snapshot], tokens news[struct{}]) *loop {
	log := a.log.Named("reconcile")
	if a.config.Spread.Copies > 0 {
		a.reconciler.sharer.adopt(spread.View{Mode: spread.Pending})
	}
	return &loop{
		reconciler: a.reconciler,
		approvals:  approvals{kv: a.client.KV(), keyPath: a.config.KeyPath, used: map[string]uint64{}},
		verifier:   verifier{local: a.reconciler.local, every: a.config.Reconcile.Verify, token: a.token.set},
		snapshots:  snapshots,
		stirs:      newNews[struct{}](),
		drift:      newNews[uint64](),
		checks:     newNews[struct{}](),
		returns:    newNews[struct{}](),
		rewinds:    newNews[struct{}](),
		tokens:     tokens,
		pulse:      pulse(),
		configs:    a.reloader.configs,
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
