package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/hashicorp/consul/api"
	"github.com/hashicorp/go-hclog"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	versioncollector "github.com/prometheus/client_golang/prometheus/collectors/version"
	"github.com/prometheus/common/version"
	"github.com/urfave/cli/v2"

	"github.com/k8s-registrar/k8s-registrar/agent"
	"github.com/k8s-registrar/k8s-registrar/config"
)

// daemon runs until TERM or INT. Registrations stay unless on_stop says otherwise:
// Consul's checks guard them, and a restart of the daemon must not be an outage.
func daemon(c *cli.Context) error {
	cfg, err := loadConfig(c)
	if err != nil {
		return err
	}
	if os.Getenv("GOGC") == "" {
		limitGarbage()
	}
	log := newLogger(cfg.Log, c.App.ErrWriter)
	consul, err := connect(cfg.Consul)
	if err != nil {
		return errConnect(err)
	}
	if err := agent.CheckWebConfig(cfg.Telemetry); err != nil {
		return codedError{exitConfig, err}
	}
	log.Info("starting", "version", cmp.Or(version.Version, "unknown"), "instance", cfg.Instance, "key_path", cfg.KeyPath)
	a := agent.New(cfg, consul, log, newRegistry())
	if err := c.Set(configFlag, fileOf(c)); err != nil { // a file that goes away later is a mistake
		return err
	}
	a.ReloadFrom(func() (config.Config, agent.Access, error) {
		fresh, err := loadConfig(c)
		return fresh, accessOf(fresh.Consul, api.DefaultConfig()), err
	})
	stop := onHangup(c.Context, a.Reload)
	defer stop()
	if err := a.Run(c.Context); err != nil {
		return err
	}
	if cfg.OnStop == config.Keep {
		log.Info("stopped, the services stay registered")
	} else {
		log.Info("stopped", "on_stop", cfg.OnStop)
	}
	return nil
}

func newLogger(cfg config.Log, w io.Writer) hclog.Logger {
	return hclog.New(&hclog.LoggerOptions{
		Name:       "k8s-registrar",
		Level:      hclog.LevelFromString(cfg.Level),
		JSONFormat: cfg.Format == "json",
		Output:     w,
	})
}

func newRegistry() *prometheus.Registry {
	registry := prometheus.NewRegistry()
	registry.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		versioncollector.NewCollector("k8s_registrar"),
	)
	return registry
}

// onHangup calls act on every HUP, which would otherwise end the process.
func onHangup(ctx context.Context, act func()) (stop func()) {
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		for {
			select {
			case <-ctx.Done():
				return
			case <-hangups:
				act()
			}
		}
	}()
	return func() {
		signal.Stop(hangups)
		cancel()
	}
}

// errOnce gives an error of plan and apply its exit code.
func errOnce(err error) error {
	if agent.Unreachable(err) {
		return codedError{exitUnreachable, fmt.Errorf("%w (is the Consul agent running, and does it have a leader?)", err)}
	}
	return codedError{exitRuntime, err}
}
