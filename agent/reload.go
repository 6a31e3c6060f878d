package agent

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/hashicorp/go-hclog"

	"github.com/k8s-registrar/k8s-registrar/config"
)

// reloader reads the configuration again when it is asked to. It owns the one that is in
// force; a fresh one is a value that it hands to the tasks, once all of it is right.
type reloader struct {
	// load reads all sources; nil if there are none to read again.
	load   func() (config.Config, Access, error)
	config config.Config
	access Access

	hints      news[struct{}]      // somebody sent a HUP
	asks       chan chan error     // somebody waits for the outcome
	configs    news[config.Config] // for the loop
	ownConfigs news[config.Config] // for the announcer
	ownTokens  news[struct{}]      // for the announcer: another token is in force
	members    news[config.Config] // for the membership
	tokens     news[Access]
	files      news[TLSFiles]

	log      hclog.Logger
	notifier *notifier
	show     func(error)
}

func newReloader(cfg config.Config, access Access, log hclog.Logger, notifier *notifier, show func(error)) *reloader {
	return &reloader{
		config: cfg, access: access,
		hints: newNews[struct{}](), asks: make(chan chan error),
		configs: newNews[config.Config](), ownConfigs: newNews[config.Config](), ownTokens: newNews[struct{}](), members: newNews[config.Config](), tokens: newNews[Access](), files: newNews[TLSFiles](),
		log: log, notifier: notifier, show: show,
	}
}

// ReloadFrom says where a fresh configuration comes from. To be called before Run.
func (a *Agent) ReloadFrom(load func() (config.Config, Access, error)) { a.reloader.load = load }

// Reload reads the configuration again, with the token and the TLS material. It returns
// at once: what comes of it is in the log, the status and the metrics.
func (a *Agent) Reload() { a.reloader.hints.put(struct{}{}) }

// ask is Reload for somebody who waits for the outcome.
func (r *reloader) ask(ctx context.Context) error {
	answer := make(chan error, 1)
	select {
	case r.asks <- answer:
	case <-ctx.Done():
		return ctx.Err()
	}
	return <-answer
}

func (r *reloader) run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-r.hints:
			_ = r.reload() // it has been told
		case answer := <-r.asks:
			answer <- r.reload()
		}
	}
}

// reload takes over a fresh configuration if all of it is right, and nothing of it
// otherwise.
func (r *reloader) reload() error {
	if r.load == nil {
		return errors.New("reload configuration: it comes from nowhere")
	}
	r.notifier.reloading()
	defer r.notifier.reloaded()
	fresh, access, err := r.load()
	if err == nil {
		err = r.refuse(fresh, access)
	}
	r.show(err)
	if err != nil {
		for line := range strings.SplitSeq(err.Error(), "\n") {
			r.log.Error("the new configuration is refused, the old one stays in force", "error", line)
		}
		return err
	}
	changed := differences(r.config, fresh)
	r.config, r.access = fresh, access
	r.log.SetLevel(hclog.LevelFromString(fresh.Log.Level))
	r.configs.put(fresh)
	r.ownConfigs.put(fresh)
	r.members.put(fresh)
	r.tokens.put(access)
	r.files.put(access.TLS)
	r.log.Info("the configuration was read again", "changed", strings.Join(changed, ", "))
	return nil
}

// refuse lists what is wrong with a configuration that is valid in itself.
func (r *reloader) refuse(fresh config.Config, access Access) error {
	mistakes := config.NeedRestart(r.config, fresh)
	if r.access != (Access{TLS: r.access.TLS}) && access == (Access{TLS: access.TLS}) {
		mistakes = append(mistakes, errors.New("consul.token: a token cannot be taken away without a restart"))
	}
	mistakes = append(mistakes, access.check(), CheckWebConfig(fresh.Telemetry))
	return errors.Join(mistakes...)
}

// differences names the settings that differ, with their values; a secret's is not told.
func differences(old, fresh config.Config) []string {
	var all []string
	before := old.Settings()
	for i, s := range fresh.Settings() {
		if was, is := before[i].String(), s.String(); was != is {
			all = append(all, fmt.Sprintf("%s: %q -> %q", s.Name, was, is))
		}
	}
	return all
}

// adopt takes over a configuration in the loop. The pass that follows makes the
// difference.
func (l *loop) adopt(fresh config.Config) {
	l.reconciler.adopt(fresh)
	l.verifier.every = fresh.Reconcile.Verify
	l.resync = fresh.Reconcile.Resync
	l.board.adopt(fresh)
}
