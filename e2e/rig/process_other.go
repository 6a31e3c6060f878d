//go:build !linux

package rig

import "syscall"

// procAttr keeps Ctrl-C at a terminal from the child.
func procAttr() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
