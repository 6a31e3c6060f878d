//go:build unix && !linux

package consulproc

import "syscall"

// procAttr puts the child into a process group of its own. This compiles where there is no
// death signal; to run, the package needs Linux, where all of 127.0.0.0/8 is loopback.
func procAttr() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}
