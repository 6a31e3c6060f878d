package e2e

import "syscall"

// procAttr makes the kernel kill the child with the thread that started it.
func procAttr() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
