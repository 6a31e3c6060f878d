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
// with the exit code that run returns. It also ends when nobody reads the output any more, as
// in "make demo | head", so that everything is stopped in order.
func Run(run func(ctx context.Context, args []string, stdout, stderr io.Writer) int) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	ctx, cancel := context.WithCancel(ctx)
	// That somebody listens keeps the program alive. The signal itself says nothing: it also
	// comes for each write to a connection that the other side has reset.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	code := run(ctx, os.Args[1:], outlet{os.Stdout, cancel}, outlet{os.Stderr, cancel})
	cancel()
	stop()
	os.Exit(code)
}

// outlet ends the program when nobody reads what it writes.
type outlet struct {
	io.Writer
	end context.CancelFunc
}

func (o outlet) Write(text []byte) (int, error) {
	n, err := o.Writer.Write(text)
	if errors.Is(err, syscall.EPIPE) {
		o.end()
	}
	return n, err //nolint:wrapcheck // it stands for the writer
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
