// How the child is started on Linux, which ends it when we die.
package redisrun

import "syscall"

// procAttr gives the child its own group, so that a Ctrl-C reaches us and not it.
func procAttr() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
