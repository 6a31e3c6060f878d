package measure

import (
	"errors"
	"fmt"
	"os"
	"strings"
)

// Table returns rows, the head first, as a table in Markdown. All columns but the first
// are aligned to the right.
func Table(head []string, rows [][]string) string {
	var text strings.Builder
	line := func(cells []string) { fmt.Fprintf(&text, "| %s |\n", strings.Join(cells, " | ")) }
	line(head)
	rule := []string{"---"}
	for range head[1:] {
		rule = append(rule, "--:")
	}
	line(rule)
	for _, row := range rows {
		line(row)
	}
	return text.String()
}

var errNoSection = errors.New("the lines that mark where the measured part begins and ends are missing")

// WriteSection replaces what stands between the two lines in a document that mark the
// part of that name, "<!-- begin name -->" and "<!-- end name -->". What people wrote
// around it stays.
func WriteSection(path, name, text string) error {
	document, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("write measured part: %w", err)
	}
	begin, end := "<!-- begin "+name+" -->\n", "<!-- end "+name+" -->\n"
	before, rest, found := strings.Cut(string(document), begin)
	_, after, closed := strings.Cut(rest, end)
	if !found || !closed {
		return fmt.Errorf("write measured part %q of %s: %w", name, path, errNoSection)
	}
	document = []byte(before + begin + "\n" + strings.TrimSpace(text) + "\n\n" + end + after)
	if err := os.WriteFile(path, document, 0o644); err != nil {
		return fmt.Errorf("write measured part: %w", err)
	}
	return nil
}
