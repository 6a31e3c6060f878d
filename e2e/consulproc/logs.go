package consulproc

import (
	"os"
	"path/filepath"
	"strings"
)

// logFile returns the path of the file that all runs of the process write to.
func (p *Process) logFile() string {
	return filepath.Join(p.dir, "consul.log")
}

// Logs returns the last n lines the process has written, over all its runs.
func (p *Process) Logs(n int) string {
	text, err := os.ReadFile(p.logFile())
	if err != nil {
		return "read log: " + err.Error() + "\n"
	}
	lines := strings.SplitAfter(strings.TrimSuffix(string(text), "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "") + "\n"
}
