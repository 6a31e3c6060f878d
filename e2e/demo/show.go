package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/hashicorp/consul/api"
	"golang.org/x/term"
)

// The colours of a terminal: Select Graphic Rendition of ECMA-48.
const (
	bold  = "1"
	red   = "31"
	green = "32"
)

// A screen prints the story. What cannot be printed is no error: whoever closed the
// output has also sent a signal.
type screen struct {
	w      io.Writer
	colour bool
}

// newScreen uses colours on a terminal, unless NO_COLOR is set (no-color.org).
func newScreen(w io.Writer) *screen {
	file, ok := w.(*os.File)
	ok = ok && term.IsTerminal(int(file.Fd())) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
	return &screen{w: w, colour: ok}
}

// paint returns text in a colour.
func (s *screen) paint(colour, text string) string {
	if !s.colour {
		return text
	}
	return "\x1b[" + colour + "m" + text + "\x1b[0m"
}

// status returns the status of a check in its colour.
func (s *screen) status(status string) string {
	if status == api.HealthPassing {
		return s.paint(green, status)
	}
	return s.paint(red, status)
}

// title prints the first and the last line.
func (s *screen) title(text string) { fmt.Fprintln(s.w, s.paint(bold, text)) }

// step prints a heading.
func (s *screen) step(number int, title string) {
	fmt.Fprintf(s.w, "\n%s\n", s.paint(bold, fmt.Sprintf("%2d. %s", number, title)))
}

// say prints a sentence.
func (s *screen) say(format string, args ...any) {
	fmt.Fprintf(s.w, "    "+format+"\n", args...)
}

// list prints lines of their own, set in.
func (s *screen) list(lines ...string) {
	for _, line := range lines {
		s.say("  %s", line)
	}
}

// table prints rows of cells in columns. Only the last cell of a row may have a colour.
func (s *screen) table(rows ...[]string) {
	w := tabwriter.NewWriter(s.w, 0, 0, 3, ' ', 0)
	for _, row := range rows {
		fmt.Fprintln(w, "      "+strings.Join(row, "\t"))
	}
	w.Flush()
}

// end is a line between the story and what follows.
func (s *screen) end() { fmt.Fprintln(s.w) }

// short is a duration for people.
func short(d time.Duration) string {
	if d < time.Second {
		return fmt.Sprintf("%d ms", max(1, d.Milliseconds()))
	}
	return fmt.Sprintf("%.1f s", d.Seconds())
}
