package measure

import (
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// CPU returns the processor time that a process and all its threads have used, to the
// nanosecond: /proc has it in hundredths of a second only.
func CPU(pid int) (time.Duration, error) {
	const schedClock = 2 // CPUCLOCK_SCHED, see clock_getcpuclockid(3)
	var t unix.Timespec
	if err := unix.ClockGettime(int32(^pid)<<3|schedClock, &t); err != nil {
		return 0, fmt.Errorf("read processor time of %d: %w", pid, err)
	}
	return time.Duration(t.Nano()), nil
}

// PeakMemory returns the most bytes of a process that were ever resident.
func PeakMemory(pid int) (int64, error) { return memory(pid, "VmHWM") }

// Memory returns how many bytes of a process are resident.
func Memory(pid int) (int64, error) { return memory(pid, "VmRSS") }

func memory(pid int, field string) (int64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, fmt.Errorf("read memory of %d: %w", pid, err)
	}
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(line, ":")
		var kb int64
		if name != field {
			continue
		}
		if _, err := fmt.Sscanf(value, "%d kB", &kb); err != nil {
			return 0, fmt.Errorf("read memory of %d: %q: %w", pid, line, err)
		}
		return kb << 10, nil
	}
	return 0, fmt.Errorf("read memory of %d: there is no %s", pid, field)
}
