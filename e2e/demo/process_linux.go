package main

import "syscall"

// procAttr keeps Ctrl-C at the terminal from the process, which is ended in order, and has
// the kernel kill it if this program can no longer do that.
func procAttr() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
