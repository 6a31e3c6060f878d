//go:build unix && !linux

package child

import "syscall"

// procAttr puts the child into a process group of its own. There is no death signal here.
func procAttr() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
