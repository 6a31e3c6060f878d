//go:build unix && !linux

package main

import "syscall"

// procAttr keeps Ctrl-C at the terminal from the process, which is ended in order.
func procAttr() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}
