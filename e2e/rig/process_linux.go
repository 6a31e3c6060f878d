package rig

import "syscall"

// procAttr keeps Ctrl-C at a terminal from the child, and makes the kernel kill it with
// this program.
func procAttr() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
