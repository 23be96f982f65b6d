//go:build !linux

// How the child is started where the kernel has no death signal.
package redisrun

import "syscall"

// procAttr gives the child its own group, so that a Ctrl-C reaches us and not it.
func procAttr() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
