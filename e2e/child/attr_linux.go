package child

import "syscall"

// procAttr puts the child into a process group of its own, so that Ctrl-C at a terminal
// reaches only the program that knows in which order to end things, and makes the kernel
// kill it with that program.
func procAttr() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
