// Package command is how the programs of e2e begin and end.
package command

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

// Run calls run with a context that ends when somebody wants the program to end, and ends it
// with the exit code that run returns. PIPE is among the signals so that "make demo | head"
// ends in order, too.
func Run(run func(ctx context.Context, args []string, stdout, stderr io.Writer) int) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGPIPE)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// Parse reads flags. It explains them if they ask for that, and then returns [flag.ErrHelp].
func Parse(flags *flag.FlagSet, args []string, stdout io.Writer) error {
	flags.SetOutput(io.Discard) // whoever called prints the error
	err := flags.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		flags.SetOutput(stdout)
		flags.PrintDefaults()
	case err == nil && flags.NArg() > 0:
		err = fmt.Errorf("there is no argument %q: options begin with -", flags.Arg(0))
	}
	return err
}

// Code prints an error, if it is one, and returns the exit code.
func Code(program string, err error, stderr io.Writer) int {
	if err == nil || errors.Is(err, flag.ErrHelp) {
		return 0
	}
	fmt.Fprintf(stderr, "%s: error: %v\n", program, err)
	return 1
}
