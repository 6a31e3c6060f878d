//go:build !linux

package measure

import (
	"errors"
	"time"
)

var errLinux = errors.New("only Linux tells this of another process")

// CPU returns an error.
func CPU(int) (time.Duration, error) { return 0, errLinux }

// PeakMemory returns an error.
func PeakMemory(int) (int64, error) { return 0, errLinux }

// Memory returns an error.
func Memory(int) (int64, error) { return 0, errLinux }
