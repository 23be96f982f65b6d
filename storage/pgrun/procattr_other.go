//go:build !linux

// How children are started where the kernel has no death signal: a server whose
// owner was killed ends after the next Start has swept its folder.
package pgrun

import "syscall"

// procAttr gives the child its own group, so that a Ctrl-C reaches us and not it.
func procAttr(who *syscall.Credential) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Credential: who, Setpgid: true}
}
