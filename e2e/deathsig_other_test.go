//go:build unix && !linux

package e2e

import "syscall"

// procAttr only compiles where there is no death signal: consulproc needs Linux.
func procAttr() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
