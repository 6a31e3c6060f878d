package takeover

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Writer is a process that would write the file again.
type Writer struct {
	PID string
	// Certain tells that its command line names the file. One that does not may have it
	// in a configuration file, or be there for something else.
	Certain bool
}

// Writers returns the consul-template processes of this machine, as far as Linux shows
// them.
func Writers(path string) []Writer {
	var writers []Writer
	lines, _ := filepath.Glob("/proc/[0-9]*/cmdline") // the pattern is good
	for _, line := range lines {
		text, err := os.ReadFile(line)
		if err != nil {
			continue // it has ended, or is none of our business
		}
		program, args, _ := bytes.Cut(text, []byte{0})
		if filepath.Base(string(program)) != "consul-template" {
			continue
		}
		pid := filepath.Base(filepath.Dir(line))
		writers = append(writers, Writer{PID: pid, Certain: strings.Contains(string(args), path)})
	}
	return writers
}

// errWriter says what to do about a writer.
func errWriter(w Writer, path string) error {
	return fmt.Errorf("consul-template runs (pid %s) and would write %s again: stop it on this node for good, as with supervisorctl stop consul-template and autostart=false, then run this once more", w.PID, path)
}
