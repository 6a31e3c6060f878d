package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
	"golang.org/x/term"
)

// confirm asks before something that is not easily taken back. Without a terminal there
// is nobody to ask, and --yes has to say it.
func confirm(c *cli.Context, question string) error {
	if c.Bool("yes") {
		return nil
	}
	if file, ok := c.App.Reader.(*os.File); !ok || !term.IsTerminal(int(file.Fd())) {
		return codedError{exitUsage, fmt.Errorf("%s: there is no terminal to ask at, so say --yes", question)}
	}
	fmt.Fprintf(c.App.ErrWriter, "%s? [y/N] ", question) //nolint:errcheck // then nobody answers it
	answer, err := bufio.NewReader(c.App.Reader).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("read answer: %w", err)
	}
	if !slices.Contains([]string{"y", "yes"}, strings.ToLower(strings.TrimSpace(answer))) {
		return codedError{exitRuntime, errors.New("nothing was changed")}
	}
	return nil
}
