// Command k8s-registrar announces the NodePort services of a Kubernetes cluster in Consul.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"

	"github.com/prometheus/common/version"
	"github.com/urfave/cli/v2"

	"github.com/k8s-registrar/k8s-registrar/agent"
	"github.com/k8s-registrar/k8s-registrar/config"
)

// Exit codes. A supervisor should not restart on exitUsage and exitConfig.
const (
	exitOK      = 0
	exitRuntime = 1
	exitUsage   = 2
	exitConfig  = 3
	// exitChanges and exitHeld are those of plan --exit-code, and exitHeld also of apply.
	exitChanges = 4
	exitHeld    = 5
	// exitUnreachable is EX_TEMPFAIL of sysexits.h: try again later.
	exitUnreachable = 75
)

func main() {
	// Go ends with 2 after a panic, or after the ABRT of systemd's watchdog: a supervisor
	// would take that for exitUsage and leave us dead. So end by the signal itself.
	debug.SetTraceback("crash")
	signal.Ignore(syscall.SIGHUP) // until the daemon listens: a HUP too early must not end it
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run is main without the process around it.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	err := newApp(stdout, stderr).RunContext(ctx, args)
	if err == nil {
		return exitOK
	}
	var coded codedError
	if !errors.As(err, &coded) {
		coded = codedError{exitRuntime, err}
	}
	if coded.err != nil {
		for line := range strings.SplitSeq(coded.err.Error(), "\n") {
			fmt.Fprintln(stderr, "k8s-registrar: error:", line)
		}
	}
	return coded.code
}

// codedError is an error with an exit code; without a cause it is silent.
type codedError struct {
	code int
	err  error
}

func (e codedError) Error() string { return fmt.Sprint(e.err) }
func (e codedError) Unwrap() error { return e.err }

func newApp(stdout, stderr io.Writer) *cli.App {
	return &cli.App{
		Name:                 "k8s-registrar",
		Usage:                "announce the NodePort services of a Kubernetes cluster in Consul",
		Version:              version.Info(),
		HideVersion:          true,
		EnableBashCompletion: true,
		Suggest:              true,
		Reader:               os.Stdin,
		Writer:               stdout,
		ErrWriter:            stderr,
		ExitErrHandler:       func(*cli.Context, error) {}, // run prints it
		OnUsageError:         usageError,
		Action:               unknownCommand,
		Commands: []*cli.Command{
			command("agent", "run the daemon", daemon),
			command("plan", "show what would change on this node, as a diff", plan, planFlags()...),
			command("apply", "change it, once", apply),
			command("status", "show what the running daemon knows; the exit code is 0 if it is ready", showStatus, statusFlags()...),
			approveCommand(),
			explainCommand(),
			maintenanceCommand(),
			command("takeover", "take over from consul-template without a gap, or go back", takeOver, takeoverFlags()...),
			command("purge", "remove everything of ours from this node", purge, purgeFlags()...),
			kvCommand(),
			command("validate", "check the configuration", validate, validateFlags()...),
			{Name: "version", Usage: "print the version", OnUsageError: usageError, Action: printVersion},
		},
	}
}

// command returns a command that takes the whole configuration as flags.
func command(name, usage string, action cli.ActionFunc, own ...cli.Flag) *cli.Command {
	return &cli.Command{
		Name:         name,
		Usage:        usage,
		Flags:        append(own, configFlags()...),
		OnUsageError: usageError,
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return codedError{exitUsage, fmt.Errorf("%s takes no argument %q: options begin with -", name, c.Args().First())}
			}
			return action(c)
		},
	}
}

func usageError(c *cli.Context, err error, _ bool) error {
	return codedError{exitUsage, fmt.Errorf("%w (see %s --help)", err, c.App.Name)}
}

// unknownCommand runs when no command matches.
func unknownCommand(c *cli.Context) error {
	name := c.Args().First()
	if name == "" {
		return cli.ShowAppHelp(c)
	}
	hint := cli.SuggestCommand(c.App.Commands, name) // "Did you mean ...?"
	return codedError{exitUsage, fmt.Errorf("there is no command %q. %s", name, hint)}
}

func printVersion(c *cli.Context) error {
	_, err := fmt.Fprintln(c.App.Writer, version.Print(c.App.Name))
	return err
}

func validateFlags() []cli.Flag {
	return []cli.Flag{&cli.BoolFlag{Name: "reference", Usage: "print the documented default configuration instead"}}
}

func validate(c *cli.Context) error {
	if c.Bool("reference") {
		_, err := fmt.Fprint(c.App.Writer, config.Reference)
		return err
	}
	cfg, err := loadConfig(c)
	if err != nil {
		return err
	}
	if err := agent.CheckWebConfig(cfg.Telemetry); err != nil {
		return codedError{exitConfig, err}
	}
	where := "no file was read"
	if file := fileOf(c); file != "" {
		where = "read from " + file
	}
	_, err = fmt.Fprintf(c.App.Writer, "The configuration is valid (%s).\n", where)
	return err
}
