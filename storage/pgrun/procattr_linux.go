// How children are started on Linux, which can end them when we die.
package pgrun

import "syscall"

// procAttr gives the child its own group, so that a Ctrl-C reaches us and not
// it, and SIGQUIT (Postgres: end at once, recover at the next start) when we are
// killed. Go sets the death signal after changing the account, which would have
// cleared it.
func procAttr(who *syscall.Credential) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Credential: who, Setpgid: true, Pdeathsig: syscall.SIGQUIT}
}
