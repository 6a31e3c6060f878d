package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/k8s-registrar/k8s-registrar/agent"
	"github.com/k8s-registrar/k8s-registrar/config"
)

func statusFlags() []cli.Flag {
	return []cli.Flag{
		&cli.BoolFlag{Name: "json", Usage: "print JSON, as at /status"},
		&cli.BoolFlag{Name: "watch", Usage: "go on until it is interrupted"},
		&cli.DurationFlag{Name: "every", Usage: "with --watch, ask each `DURATION`", Value: 2 * time.Second},
		&cli.StringFlag{Name: "url", Usage: "ask the daemon at `URL`, such as https://node1:28500, and not the one on this machine"},
		&cli.StringFlag{Name: "ca-file", Usage: "trust the authority in `FILE` (PEM)"},
		&cli.StringFlag{Name: "cert-file", Usage: "show the daemon the certificate in `FILE` (PEM)"},
		&cli.StringFlag{Name: "key-file", Usage: "use the private key in `FILE` (PEM)"},
		&cli.StringFlag{Name: "user", Usage: "log in as `NAME`"},
		&cli.StringFlag{Name: "password-file", Usage: "log in with the password in `FILE`"},
	}
}

// showStatus asks the running daemon. The exit code is that of what was seen last.
func showStatus(c *cli.Context) error {
	if c.Duration("every") < 100*time.Millisecond {
		return codedError{exitUsage, fmt.Errorf("--every %s: want at least 100ms", c.Duration("every"))}
	}
	ask, err := findDaemon(c)
	if err != nil {
		return err
	}
	if c.Bool("watch") {
		return watchStatus(c, ask)
	}
	status, err := ask.status(c.Context)
	if err != nil {
		return codedError{exitUnreachable, err}
	}
	if err := printStatus(c, status); err != nil {
		return err
	}
	return healthOf(status)
}

// findDaemon reads the configuration only if nobody says where the daemon is: one with a
// mistake in it, which the daemon has refused, must not hide what the daemon says of that.
func findDaemon(c *cli.Context) (asker, error) {
	flags := askFlagsOf(c)
	if flags.url != "" {
		return newAsker(config.Telemetry{}, flags)
	}
	cfg, err := loadConfig(c)
	if err != nil {
		return asker{}, codedError{exitConfig, fmt.Errorf("%w\nto ask the daemon all the same say where it is, such as --url http://127.0.0.1:28500", err)}
	}
	return newAsker(cfg.Telemetry, flags)
}

// watchStatus shows it again and again, in one place if that is a terminal.
func watchStatus(c *cli.Context, ask asker) error {
	var last error
	for {
		status, err := ask.status(c.Context)
		if c.Err() != nil {
			return last
		}
		if isTerminal(c.App.Writer) {
			fmt.Fprint(c.App.Writer, "\x1b[H\x1b[2J") //nolint:errcheck // what follows fails too
		}
		if err != nil {
			last = codedError{code: exitUnreachable}
			fmt.Fprintln(c.App.ErrWriter, "k8s-registrar: error:", err) //nolint:errcheck // nothing is left to tell it to
		} else {
			last = healthOf(status)
			if err := printStatus(c, status); err != nil {
				return err
			}
		}
		if !pause(c.Context, c.Duration("every")) {
			return last
		}
	}
}

// pause waits, and tells whether the context still goes on.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// healthOf is silent: that it is not ready has been printed.
func healthOf(status agent.Status) error {
	if !status.Ready {
		return codedError{code: exitRuntime}
	}
	return nil
}

func printStatus(c *cli.Context, status agent.Status) error {
	w := c.App.Writer
	if c.Bool("json") {
		encoder := json.NewEncoder(w)
		encoder.SetIndent("", "  ")
		return encoder.Encode(status)
	}
	var text strings.Builder
	writeStatus(&text, status, isTerminal(w))
	_, err := io.WriteString(w, text.String())
	return err
}
