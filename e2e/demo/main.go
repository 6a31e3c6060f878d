// Command demo shows k8s-registrar at work, against a real Consul on loopback addresses.
//
//	go run ./e2e/demo -consul bin/consul -registrar bin/k8s-registrar [-keep]
//
// It says what it does, step by step, and checks everything it shows: the first thing that
// is not as expected ends it with exit code 1. However it ends, it stops what it started
// and removes its files.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/k8s-registrar/k8s-registrar/e2e/command"
)

const (
	exitOK          = 0
	exitFailed      = 1
	exitUsage       = 2
	exitInterrupted = 130 // 128 + SIGINT, as shells have it
)

// options say what to show.
type options struct {
	consul, registrar string // programs
	keep              bool   // leave everything running until a signal comes
}

func main() {
	command.Run(func(ctx context.Context, args []string, stdout, stderr io.Writer) int {
		return run(whileParentLives(ctx), args, stdout, stderr)
	})
}

// run is main without the process around it.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	options, err := parse(args, stdout)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return exitOK
	case err != nil:
		fmt.Fprintln(stderr, "demo: error:", err)
		return exitUsage
	}
	d := &demo{options: options, show: newScreen(stdout)}
	err = d.run(ctx)
	if err == nil {
		return exitOK
	}
	log := d.stage.log(logLines) // before it is removed
	clearErr := d.stage.clear()
	if ctx.Err() != nil && clearErr == nil {
		fmt.Fprintln(stderr, "\ndemo: interrupted: everything is stopped and removed")
		return exitInterrupted
	}
	fmt.Fprintln(stderr, "\ndemo: error:", strings.TrimSpace(errors.Join(err, clearErr).Error()))
	fmt.Fprint(stderr, log)
	return exitFailed
}

// parse reads the flags, and explains them if they ask for that.
func parse(args []string, stdout io.Writer) (options, error) {
	var o options
	flags := flag.NewFlagSet("demo", flag.ContinueOnError)
	flags.StringVar(&o.consul, "consul", "bin/consul", "the Consul `program`")
	flags.StringVar(&o.registrar, "registrar", "bin/k8s-registrar", "the k8s-registrar `program`")
	flags.BoolVar(&o.keep, "keep", false, "leave everything running until Ctrl-C")
	if err := command.Parse(flags, args, stdout); err != nil {
		return o, err
	}
	var errs [2]error
	o.consul, errs[0] = program(o.consul, "make bin/consul")
	o.registrar, errs[1] = program(o.registrar, "make build")
	return o, errors.Join(errs[:]...)
}

// program returns the absolute path of a program, or says how to get it.
func program(path, remedy string) (string, error) {
	found, err := exec.LookPath(path)
	if err != nil {
		return "", fmt.Errorf("find program: %w: run %s", err, remedy)
	}
	return filepath.Abs(found)
}

// whileParentLives returns a context that also ends with the process that started this one:
// "go run" passes no TERM on, and nobody would be left to end a kept demo.
func whileParentLives(ctx context.Context) context.Context {
	ctx, cancel := context.WithCancel(ctx)
	parent := os.Getppid()
	go func() {
		defer cancel()
		for os.Getppid() == parent && ctx.Err() == nil {
			select {
			case <-ctx.Done():
			case <-time.After(250 * time.Millisecond):
			}
		}
	}()
	return ctx
}
